import type { DocsTable } from '../../core/docs.ts'

const session = 'session_01933b5a000070008000000000000001'

export const eventDocs = {
  list_events: {
    tag: 'Events',
    summary: 'List events',
    description:
      'Returns the stored events of a session in the order of their `sequence`. Without `limit` it streams the whole log. Live deltas are not stored and do not appear. `llm.generation` contains only messages that are new since the previous model call; `expand=messages` adds all of them, for at most 100 events per request. Use it to load a log once, and `GET …/sse` to follow it.\n\nThe other parameters search the log and return one page. With `before_sequence` or `order_desc` the page is from the end; `limit` alone counts from the start. A page looks at a limited number of events, so it can have fewer matches than `limit`, or none, although more follow: as long as the response has `scanned_to`, go on from there. `X-Total-Count` is the number of stored events of the requested types, unless a parameter selects single events.\n\nResuming from an event that a database failover lost returns 409 `history_changed`; `resume` in its body is the position to continue from. Event types that a session token must not see are missing, which leaves gaps in `sequence`.',
    errors: ['unknown_event_id', 'history_changed'],
    sample: `const events = await outlast.events.list('${session}', { after_sequence: 12, limit: 100 })`,
  },
  stream_sse: {
    tag: 'Events',
    summary: 'Stream events',
    description:
      'Streams the events of a session as server-sent events: first the stored ones after the given position, then new ones for as long as the client stays connected. Any node serves the stream. `event:` is the event type, `id:` the position to resume from, and `data:` one JSON object of the schema below.\n\n```\nevent: output.message.delta\nid: event_01a20e6134be7a6a81b88368f42f3865\nretry: 100\ndata: {"id":"event_…","type":"output.message.delta","data":{"delta":"It ","accumulated":"It "},…}\n```\n\nTo resume, send the last received id as `Last-Event-ID` or `since_id`: no event is missing and none arrives twice. Besides events the stream sends `connected` first, `heartbeat` on request, and `disconnecting` with a reason before the server closes it. Then reconnect with the last id. A client that reads nothing for `SSE_STALL_MS` (default 30 s) is disconnected.\n\nA browser that cannot set headers may send a session token or access token as `?access_token=`. API keys are refused there, because URLs are logged.',
    errors: ['unknown_event_id', 'history_changed', 'too_many_streams'],
    sample: `for await (const event of outlast.events.stream('${session}')) {\n  if (event.type === 'output.message.delta') process.stdout.write(event.data.delta)\n  if (event.type === 'session.idled') break\n}`,
  },
  stream_changes: {
    tag: 'Events',
    summary: 'Stream changes of the organization',
    description:
      'Streams which resources of the organization change, as server-sent events, so that lists stay current without polling. `event:` is one of `session.changed`, `session.deleted`, `changed` and `reset`; `data:` has the schema below. A session is reported at most once in 250 ms, with its latest state.\n\nThere is no history and no event id. Open the stream, wait for `connected`, then read the lists; read them again after `reset`, which means that changes may be missing. The stream ends with `disconnecting` and the reason `access_ended` when the access of the caller changes.',
    errors: ['too_many_streams'],
    sample: 'for await (const change of outlast.changes.stream()) {\n  console.log(change)\n}',
  },
} as const satisfies DocsTable
