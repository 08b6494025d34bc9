import pg from 'pg'

/** Runs `work` on a connection of its own. */
export async function withConnection<T>(url: string, work: (client: pg.Client) => Promise<T>) {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** Returns the rows of one statement, on a connection of its own. */
export function queryRows<T>(url: string, text: string, values: unknown[] = []): Promise<T[]> {
  return withConnection(url, async (client) => (await client.query(text, values)).rows as T[])
}
