/** Two pictures of one session: with its server killed, and after the restart. */
import type { Page } from 'playwright-core'
import { freePort, startOutlast, withDataDir } from '../../bench/core/servers.ts'
import { playTour } from '../../test/console/tour.ts'

/** Plays the tour on `page`. `save` takes a picture of it under a name. */
export function showSurvival(page: Page, save: (name: string) => Promise<unknown>): Promise<void> {
  return withDataDir(async (dataDir) => {
    const port = await freePort()
    const start = () => startOutlast({ env: { DATA_DIR: dataDir, PORT: String(port) } })
    let server = await start()
    try {
      await playTour(page, {
        url: server.url,
        kill: server.kill,
        async restart() {
          server = await start()
        },
        onKilled: () => save('killed'),
        onDone: () => save('survived'),
      })
    } finally {
      await server.stop()
    }
  })
}
