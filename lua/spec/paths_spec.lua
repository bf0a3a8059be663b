local paths = require "uhd.paths"


describe("paths", function()
  -- nginx's reading, the request's own spelling → the readings.
  for _, case in ipairs {
    { "/Items/Counts", "/Items/Counts", "/items/counts/" },
    { "/Items/Counts", "/Items/Counts?a=%2F", "/items/counts/" },
    { "/Items/Counts/", "/Items/Counts/", "/items/counts/" },
    { "/emby/Items/Counts", "/emby/Items/Counts", "/items/counts/" },
    { "/MediaBrowser/emby/x", "/MediaBrowser/emby/x", "/x/" },
    { "/emby", "/emby", "/" },
    { "/embywebsocket", "/embywebsocket", "/embywebsocket/" },
    { "/", "/", "/" },
    { "//Items///Counts//", "//Items///Counts//", "/items/counts/" },
    { "/Items/Counts", "/%49tems/Counts", "/items/counts/" },
    { "/a b", "/a%20b", "/a b/" },
    { "/Items", "/x/../Items", "/items/" },
    { "/Items", "http://host:80/Items?q", "/items/" },
    { "/genres/sci/fi", "/Genres/Sci%2FFi", "/genres/sci/fi/" },
    { "/items;v=1/counts", "/items;v=1/counts",
      "/items;v=1/counts/", "/items/counts/" },
    { "/web/x", "/videos/1%2F..%2F..%2Fweb/x", "/web/x/", nil,
      "/videos/1/../../web/x/" },
    { "/web/x", "/videos/%2e%2e/web/x", "/web/x/", nil,
      "/videos/../web/x/" },
    { "/web\\..\\videos", "/web\\..\\videos",
      "/web\\..\\videos/", "/videos/",
      "/web/../videos/" },
    { "/web/..;/videos", "/web/..;/videos", "/web/..;/videos/", "/videos/",
      "/web/../videos/" },
  } do
    it("reads " .. case[2], function()
      local path, other, dotted = paths.read(case[1], case[2])
      assert.equal(case[3], path)
      assert.equal(case[4], other)
      assert.equal(case[5], dotted)
    end)
  end


  it("brings patterns into the same form", function()
    assert.equal("/items/counts", paths.pattern("/emby//Items/Counts"))
    assert.equal("/web/", paths.pattern("web/"))
    assert.equal("/a b", paths.pattern("/a%20b"))
    assert.equal("/", paths.pattern("/"))
  end)


  it("refuses patterns that are a base path and no more", function()
    for _, text in ipairs { "/emby", "/Emby/", "mediabrowser",
                            "/emby/mediabrowser/" } do
      assert.is_nil(paths.pattern(text))
    end
  end)
end)
