import { queryRows } from '../../apps/server/test/database.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { dump } from '../access/operations/canary.ts'

/** Tables that have a text in any of their columns, as text or as bytes. */
export async function tablesWith(
  { databaseUrl }: { databaseUrl: string },
  texts: string[],
): Promise<string[]> {
  const tables = await dump(databaseUrl)
  const wanted = texts.flatMap((text) => [text, Buffer.from(text).toString('hex')])
  const found = [...tables].filter(([, rows]) => wanted.some((text) => rows.includes(text)))
  return found.map(([name]) => name).sort()
}

/** Waits until nodes have read the words of all messages: they delete these rows then. */
export const wordsRead = ({ databaseUrl }: { databaseUrl: string }) =>
  eventually(async () => (await queryRows(databaseUrl, 'select from search_due')).length === 0)
