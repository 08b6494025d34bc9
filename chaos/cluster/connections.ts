import pg from 'pg'

/** Connections that take the slots of others. */
export type TakenConnections = {
  /** Opens connections until the server refuses one. */
  fill: () => Promise<void>
  release: () => Promise<void>
}

export function takeConnections(url: string): TakenConnections {
  const taken: pg.Client[] = []
  return {
    async fill() {
      for (;;) {
        const client = new pg.Client({ connectionString: url })
        client.on('error', () => {})
        try {
          await client.connect()
        } catch {
          return
        }
        taken.push(client)
      }
    },
    async release() {
      await Promise.all(taken.splice(0).map((client) => client.end()))
    },
  }
}
