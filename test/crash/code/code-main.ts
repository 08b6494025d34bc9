/** A node as its own process, with the version of its code in `CODE`. */
import { startApp } from '../../../apps/server/src/app.ts'
import { readConfig } from '../../../apps/server/src/config.ts'
import { codeOf } from './changing-code.ts'

const code = codeOf(process.env.WORLD_URL!, JSON.parse(process.env.CODE!))
const app = await startApp(readConfig(process.env), code)
process.stdout.write(`The node is ready and listens: ${app.url}\n`)
