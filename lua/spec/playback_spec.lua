local playback = require "uhd.playback"


describe("playback", function()
  it("is what carries sound or picture", function()
    for _, path in ipairs {
      "/videos/5/stream/", "/videos/5/stream.mkv/", "/audio/5/stream.mp3/",
      "/videos/5/original.mp4/", "/videos/5/stream/the film.mkv/",
      "/videos/5/master.m3u8/", "/videos/5/main.m3u8/",
      "/videos/5/live.m3u8/", "/videos/5/hls1/main/0.ts/",
      "/videos/5/hls/pl/seg.ts/", "/audio/5/universal/",
      "/audio/5/universal.aac/", "/items/5/download/", "/items/5/file/",
      "/sync/jobitems/5/file/", "/livetv/livestreamfiles/5/stream.ts/",
      "/livetv/liverecordings/5/stream/", "/videos/5/some name.mkv/",
      "/jellyfin/videos/5/stream/",
    } do
      assert.equal("5", playback.item(path), path)
    end
  end)


  it("is nothing else", function()
    for _, path in ipairs {
      "/", "/videos/", "/videos/5/", "/videos/stream/", "/items/5/",
      "/videos/5/subtitles/0/stream.srt/", "/videos/5/index.bif/",
      "/videos/5/6/subtitles/0/0/stream.vtt/", "/videos/5/subtitles.m3u8/",
      "/videos/5/trickplay/320/0.jpg/", "/videos/5/6/attachments/0/",
      "/videos/5/additionalparts/", "/videos/activeencodings/",
      "/items/5/images/primary/", "/items/5/playbackinfo/",
      "/items/5/downloads/", "/audio/5/lyrics/", "/videos/5/x.jpg/",
    } do
      assert.is_nil(playback.item(path), path)
    end
  end)


  it("writes ids in one form", function()
    assert.equal("abc1", playback.item("/videos/a-bc-1/stream/"))
    assert.equal("abc1", playback.prepared_item("/items/abc1/playbackinfo/"))
    assert.is_nil(playback.prepared_item("/items/abc1/playbackinfo/x/"))
    assert.same({ "S", "abc1" },
                { playback.read { PLAYSESSIONID = "S", itemId = "A-BC1" } })
  end)


  it("reads odd arguments", function()
    assert.same({}, { playback.read {} })
    assert.same({}, { playback.read { PlaySessionId = true, [1] = "x" } })
    assert.same({}, { playback.read { PlaySessionId = ("x"):rep(300) } })
    assert.same({ "a" }, { playback.read { PlaySessionId = { "a", "b" } } })
    assert.same({}, { playback.read { PlaySessionId = { true } } })
  end)


  it("ends where players say so", function()
    local ends = playback.ends_stream
    assert.is_true(ends("POST", "/sessions/playing/stopped/"))
    assert.is_true(ends("DELETE", "/videos/activeencodings/"))
    assert.is_true(ends("POST", "/videos/activeencodings/delete/"))
    assert.is_false(ends("GET", "/sessions/playing/stopped/"))
    assert.is_false(ends("POST", "/sessions/playing/progress/"))
    assert.is_false(ends("POST", "/videos/activeencodings/"))
  end)
end)
