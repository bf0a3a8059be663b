-- The built-in access chain, for each request to a server block.
package.loaded["uhd.access"].run()
