import { compareLoads, loadRows, type Pair } from '../core/against-bare.ts'
import { createAgent, openClient } from '../core/client.ts'
import { type Options, profiled, type Report } from '../core/figures.ts'
import { databaseUrl, startBare, startOutlast, withDataDir } from '../core/servers.ts'

const organization = 'org_00000000000000000000000000000001'

/** Our `GET /v1/sessions/{id}` against a minimal handler on the same database. */
export function getSession(options: Options): Promise<Report> {
  return withDataDir(async (dataDir) => {
    const program = { env: { DATA_DIR: dataDir }, nodeArgs: profiled(options) }
    // A server normally starts with existing data; the heap of its creation is not measured.
    await (await startOutlast(program)).stop()
    const ours = await startOutlast(program)
    const url = databaseUrl(dataDir)
    const bare = await startBare('requests/bare-get.ts', {
      env: { DATABASE_URL: url, ORG_ID: organization },
    })
    try {
      const client = await openClient(ours.url, await createAgent(ours.url))
      await client.turn('Hello')
      client.close()
      const path = `/v1/sessions/${client.sessionId}`
      return report(await compareLoads([ours.url, bare.url], path, options))
    } finally {
      await bare.stop()
      await ours.stop()
    }
  })
}

function report(pairs: Pair[]): Report {
  return {
    title: 'GET /v1/sessions/{id} against a bare Fastify handler',
    rows: loadRows(pairs, { throughputMin: 0.9, p99Max: 1.5 }),
  }
}
