/** Follows a session until `session.idled`, for `processes.test.ts`. Prints ids and texts. */
import { createOutlast } from '../src/index.ts'

const [url, sessionId] = process.argv.slice(2) as [string, string]
for await (const event of createOutlast({ url }).session(sessionId).events()) {
  process.stdout.write(`${JSON.stringify(event)}\n`)
  if (event.type === 'session.idled') break
}
