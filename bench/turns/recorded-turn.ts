import type { NewEvent } from '../../apps/server/src/store/log/log-sql.ts'
import { queryRows } from '../core/database.ts'

/** The rows that a text turn of ours wrote, by statement. */
export type RecordedTurn = {
  input: NewEvent
  begin: NewEvent[]
  answer: NewEvent[]
  end: NewEvent[]
  outputPreview: string
  prompt: string
}

/** Reads the latest turn of a session. */
export async function recordTurn(url: string, sessionId: string): Promise<RecordedTurn> {
  const events = await queryRows<NewEvent>(
    url,
    `select type, context::text as context, data::text as data from events
     where session_id = $1 order by sequence desc limit 10`,
    [sessionId],
  )
  const [input, ...rest] = events.reverse()
  const [session] = await queryRows<{ output_preview: string; context_prompt: string }>(
    url,
    'select output_preview, context_prompt from sessions where id = $1',
    [sessionId],
  )
  const answerAt = rest.findIndex(({ type }) => type === 'llm.generation')
  const endAt = rest.findIndex(({ type }) => type === 'turn.completed')
  return {
    input: input!,
    begin: rest.slice(0, answerAt),
    answer: rest.slice(answerAt, endAt),
    end: rest.slice(endAt),
    outputPreview: session!.output_preview,
    prompt: session!.context_prompt,
  }
}
