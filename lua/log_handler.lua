-- Each request, once it has ended.
package.loaded["uhd.log"].run()
