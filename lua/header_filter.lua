-- Each answer to a player, before its header is sent.
package.loaded["uhd.answer"].filter_header()
