import type { Event, EventQuery, EventType, Resume } from '@outlast/sdk'
import { type Context, defineCommand, type Noun } from '../../core/command.ts'
import { historyChanged, reportConnection } from '../../core/connection.ts'
import { UsageError } from '../../core/failure.ts'
import { columnsOf } from '../../core/io.ts'
import { given } from '../../input/change.ts'
import { lineOf } from '../../output/event-line.ts'

const isDelta = ({ type }: Event) => type.endsWith('.delta')
const ends: EventType[] = ['session.activated', 'session.idled']

type Wanted = {
  sessionId: string
  after_sequence: number
  types: EventType[]
  exclude: EventType[]
  isFollowing: boolean
  untilIdle: boolean
  search: Pick<EventQuery, 'q' | 'tool_name' | 'turn_id'>
}

/** Splits the values of a repeated flag at commas. */
const split = (given: readonly string[]) =>
  given.flatMap((text) => text.split(',')).filter((name) => name !== '') as EventType[]

/** Builds the query. `untilIdle` adds the events that begin and end turns. */
function queryOf({ types, exclude, untilIdle }: Wanted) {
  const wanted = types.length > 0 && untilIdle ? [...new Set([...types, ...ends])] : types
  const excluded = untilIdle ? exclude.filter((type) => !ends.includes(type)) : exclude
  return {
    ...(wanted.length > 0 && { types: wanted }),
    ...(excluded.length > 0 && { exclude: excluded }),
  }
}

async function print({ out, io }: Context, wanted: Wanted, event: Event): Promise<void> {
  const isNamed = wanted.types.length === 0 || wanted.types.includes(event.type)
  if (!isNamed || wanted.exclude.includes(event.type)) return
  if (isDelta(event) && wanted.types.length === 0) return
  if (out.mode === 'json') return out.json(event, true)
  return out.line(out.mode === 'quiet' ? event.id : lineOf(event, columnsOf(io.stdout)))
}

/** Prints stored events. Returns the last sequence, and whether the session is then busy. */
async function printStored(context: Context, wanted: Wanted) {
  const { outlast, signal } = context
  const { sessionId, after_sequence } = wanted
  let last = after_sequence
  let isBusy = false
  const query = { ...queryOf(wanted), ...wanted.search, after_sequence }
  for await (const event of outlast.events.list(sessionId, query, { signal })) {
    last = event.sequence ?? last
    if (event.type === 'session.activated') isBusy = true
    if (event.type === 'session.idled') isBusy = false
    await print(context, wanted, event)
  }
  return { last, isBusy }
}

async function isActive({ outlast, signal }: Context, sessionId: string): Promise<boolean> {
  return (await outlast.sessions.get(sessionId, { signal })).status === 'active'
}

async function follow(context: Context, wanted: Wanted, after_sequence: number): Promise<void> {
  const { outlast, signal, out } = context
  const onConnection = reportConnection({
    notify: (text) => out.note(text),
    change(isOpen) {
      if (!isOpen && out.mode === 'text') out.note('Connection lost, reconnecting.')
    },
  })
  const onHistoryChanged = (resume: Resume) => out.note(historyChanged(resume))
  const options = { ...queryOf(wanted), after_sequence, signal, onConnection, onHistoryChanged }
  for await (const event of outlast.events.stream(wanted.sessionId, options)) {
    await print(context, wanted, event)
    if (wanted.untilIdle && event.type === 'session.idled') return
  }
}

function sequenceOf(text = '0'): number {
  if (!/^\d{1,9}$/.test(text))
    throw new UsageError('--after must be the sequence number of an event.')
  return Number(text)
}

export const events: Noun = {
  '': defineCommand({
    summary: 'print the events of a session; --follow adds new ones',
    aliases: ['list'],
    positionals: ['<session>'],
    flags: {
      follow: { type: 'boolean', short: 'f', about: 'print new events until Ctrl-C' },
      until: {
        type: 'string',
        choices: ['idle'],
        value: 'STATE',
        about: 'print new events until no turn runs',
      },
      types: { type: 'string', multiple: true, value: 'TYPE', about: 'only these types' },
      exclude: { type: 'string', multiple: true, value: 'TYPE', about: 'all except these types' },
      after: { type: 'string', value: 'SEQUENCE', about: 'only events after this one' },
      search: { type: 'string', short: 's', value: 'TEXT', about: 'only events with this text' },
      tool: { type: 'string', value: 'TOOL', about: 'only events of calls of this tool' },
      turn: { type: 'string', value: 'TURN', about: 'only events of this turn (id)' },
    },
    async run(context, { words, flags }) {
      const wanted: Wanted = {
        sessionId: words[0]!,
        after_sequence: sequenceOf(flags.after),
        types: split(flags.types),
        exclude: split(flags.exclude),
        isFollowing: flags.follow || flags.until !== undefined,
        untilIdle: flags.until === 'idle',
        search: given({ q: flags.search, tool_name: flags.tool, turn_id: flags.turn }),
      }
      if (wanted.isFollowing && Object.keys(wanted.search).length > 0) {
        throw new UsageError('--search, --tool and --turn cannot follow a session.')
      }
      const { last, isBusy } = await printStored(context, wanted)
      if (!wanted.isFollowing) return
      const isOver = wanted.untilIdle && !isBusy && !(await isActive(context, wanted.sessionId))
      if (!isOver) await follow(context, wanted, last)
    },
  }),
}
