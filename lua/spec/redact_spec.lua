local redact = require "uhd.redact"


describe("redact.path", function()
  local cases = {
    ["/Videos/1/stream.mkv"] = "/Videos/1/stream.mkv",
    ["/web/a=b;c=d"] = "/web/a=b;c=d",
    ["/Items/tokens=1"] = "/Items/tokens=1",
    ["/Videos/1/stream;api_key=SECRET"] = "/Videos/1/stream;api_key=***",
    ["/Videos/1/stream?ApiKey=SECRET&a=b"] = "/Videos/1/stream?ApiKey=***",
    ["/x&a=b&X-Emby-Token=SECRET/y"] = "/x&a=b&X-Emby-Token=***",
    ["/x%3Fa%3Db%26api_key%3DSECRET"] = "/x%3Fa%3Db%26api_key%3D***",
    ['/x/MediaBrowser Token="SECRET"'] = "/x/MediaBrowser Token=***",
    ["/token=SECRET"] = "/token=***",
    ["/emby/Auth/Keys/SECRET/Delete"] = "/emby/Auth/Keys/***",
    ["/Auth/Keys/"] = "/Auth/Keys/",
    ["/auth/keys/SECRET;token=SECRET"] = "/auth/keys/***",
    ["/a;pw=SECRET/auth/keys/SECRET"] = "/a;pw=***",
    ["/a\n;password = SECRET"] = "/a\n;password =***",
  }

  for uri, want in pairs(cases) do
    it("shows " .. uri .. " as " .. want, function()
      assert.equal(want, redact.path(uri))
    end)
  end
end)
