/** Runs an example: `npm run example hello`. Without a name, or with an unknown one, lists them. */
import { globSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../examples/', import.meta.url))
const names = globSync('*.ts', { cwd: folder, exclude: ['*.test.ts'] })
  .map((file) => file.replace(/\.ts$/, ''))
  .sort()

const [name = '', ...args] = process.argv.slice(2)
if (names.includes(name)) {
  const file = path.join(folder, `${name}.ts`)
  process.argv.splice(1, Number.POSITIVE_INFINITY, file, ...args)
  await import(file).catch((error: Error & { code?: string }) => {
    if (error.code !== 'connection_failed') throw error
    console.error(`${error.message} Start the server with \`npm start\`.`)
    process.exitCode = 1
  })
} else {
  console.error(`${name ? `There is no example ${name}. ` : ''}Examples: ${names.join(', ')}.`)
  process.exitCode = 2
}
