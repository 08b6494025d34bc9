/**
 * Writes `apps/server/reference/dist`: the script of Scalar that renders the API reference at
 * `/docs`, compressed in two ways, and the icon. Scalar's package has the script inside a plugin
 * for Fastify, so a server without other routes returns it.
 * Contract: does nothing while the files are newer than the lock file and this script.
 */
import { copyFileSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const folder = path.join(root, 'apps/server/reference/dist')
const stamp = path.join(folder, '.made')
const sources = ['package-lock.json', 'scripts/reference.ts', 'apps/console/public/favicon.svg']

function isFresh(): boolean {
  if (!existsSync(stamp)) return false
  const made = statSync(stamp).mtimeMs
  return sources.every((file) => statSync(path.join(root, file)).mtimeMs <= made)
}

/** Scalar and Fastify are loaded only when the files must be made. */
async function readScalar(): Promise<Buffer> {
  const { default: scalar } = await import('@scalar/fastify-api-reference')
  const { default: createServer } = await import('fastify')
  const app = createServer()
  await app.register(scalar, { routePrefix: '/docs', configuration: { content: {} } })
  const { rawPayload, statusCode } = await app.inject('/docs/js/scalar.js')
  await app.close()
  if (statusCode !== 200) throw new Error(`Scalar has no script: ${statusCode}`)
  // The source map is not part of the package.
  return Buffer.from(rawPayload.toString().replace(/\n\/\/# sourceMappingURL=\S+\s*$/, '\n'))
}

export async function makeReference(): Promise<void> {
  if (isFresh()) return
  const script = await readScalar()
  mkdirSync(folder, { recursive: true })
  const params = { [constants.BROTLI_PARAM_QUALITY]: 9 }
  writeFileSync(path.join(folder, 'scalar.js.br'), brotliCompressSync(script, { params }))
  writeFileSync(path.join(folder, 'scalar.js.gz'), gzipSync(script, { level: 9 }))
  copyFileSync(path.join(root, 'apps/console/public/favicon.svg'), path.join(folder, 'favicon.svg'))
  writeFileSync(stamp, '')
}
