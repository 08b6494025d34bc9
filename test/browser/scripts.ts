import http from 'node:http'
import type { Page } from 'playwright-core'
import { valueIn } from './browser.ts'

/**
 * Returns the bytes of JavaScript that a page needed, after gzip. `preloaded`: scripts that the
 * page loads when it is idle, which are not counted.
 */
export async function scriptBytes(
  page: Page,
  preloaded = /\/(?:palette|find-bar)-/,
): Promise<number> {
  const loaded = `performance.getEntriesByType('resource').map(({ name }) => name)`
  const names = new Set(await valueIn<string[]>(page, loaded))
  const scripts = [...names].filter(
    (name) => new URL(name).pathname.endsWith('.js') && !preloaded.test(name),
  )
  const sizes = await Promise.all(scripts.map(bytesOf))
  return sizes.reduce((sum, size) => sum + size, 0)
}

function bytesOf(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { headers: { 'accept-encoding': 'gzip' } }, (response) => {
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
      })
      response.on('error', reject)
      response.on('end', () => {
        if (response.headers['content-encoding'] === 'gzip') resolve(bytes)
        else reject(new Error(`${url} is not compressed.`))
      })
    })
    request.on('error', reject)
  })
}
