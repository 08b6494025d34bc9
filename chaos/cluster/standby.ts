import { setTimeout as sleep } from 'node:timers/promises'
import {
  makeSynchronous,
  type PostgresServer,
  startPair,
  untilSynchronous,
} from '../../test/postgres/standby.ts'
import { type RunDatabase, setServerReadOnly } from './database.ts'

const startsMax = 100
const pauseMs = 50

/** Starts a PostgreSQL of our own with a synchronous standby, behind one address. */
export async function databaseWithStandby(): Promise<RunDatabase> {
  const undo: (() => unknown)[] = []
  const after = (work: () => unknown) => void undo.push(work)
  const pair = await startPair({ after }, { version: 'embedded', replication: 'sync' })
  let { primary, standby } = pair
  const { url } = pair.address
  return {
    url,
    async end(signal) {
      await (signal === 'SIGINT' ? primary.stop() : primary.kill('SIGKILL'))
      await startAgain(primary)
      await untilSynchronous(primary)
    },
    standby: {
      async promote() {
        await primary.kill()
        await standby.promote()
        pair.address.moveTo(standby.url)
        ;[primary, standby] = [standby, primary]
      },
      async replace() {
        await standby.copyFrom(primary)
        await standby.start()
        await makeSynchronous(primary)
      },
    },
    setReadOnly: (isReadOnly) => setServerReadOnly(url, isReadOnly),
    isOurs: true,
    async stop() {
      for (const work of undo) await work()
    },
  }
}

/** After a kill -9 the other processes of PostgreSQL need a moment to end. */
async function startAgain(server: PostgresServer) {
  for (let starts = 1; ; starts += 1) {
    try {
      return await server.start()
    } catch (error) {
      if (starts === startsMax) throw error
      await sleep(pauseMs)
    }
  }
}
