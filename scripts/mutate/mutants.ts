/** `file`: relative to the server's `src`. */
export type Mutant = {
  name: string
  file: string
  /** Occurs exactly once in the file. */
  from: string
  to: string
  tests: string[]
  /** Runs only the tests of these files whose names match. */
  pattern?: string
}

const fences = ['test/database/turn-fences.test.ts']
const held = ['test/crash/database/held-outcomes.test.ts']
const intents = ['test/crash/intents.test.ts']
const deploys = ['test/cluster/rolling-deploy.test.ts']
const stream = ['apps/server/src/http/routes/messages/session-stream.test.ts']
const deltas = ['apps/server/src/http/routes/messages/session-deltas.test.ts']
const credentials = ['apps/server/src/http/security/credentials.test.ts']
const hosts = ['test/access/hosts.test.ts']
const budgets = ['apps/server/src/runtime/model/budget.test.ts']
const failing = ['apps/server/src/runtime/webhooks/failing.test.ts']

const livingNode = 'n.id = t.node_id and n.expires_at > now()'
const nodeOfTurn = 'nodes.id = turn_node and nodes.id <> $4 and nodes.expires_at > now()'

export const mutants: Mutant[] = [
  {
    name: 'an append without the attempt fence',
    file: 'store/sessions/turn-appends.ts',
    from: '(:attempt::integer is null or turn_attempt = :attempt)',
    to: '(:attempt::integer is null or true)',
    tests: fences,
  },
  {
    name: 'a refusal without the attempt fence',
    file: 'store/sessions/turns.ts',
    from: 'turn_id = :turnId and turn_attempt = :attempt',
    to: 'turn_id = :turnId and (:attempt::integer is null or true)',
    tests: fences,
  },
  {
    name: 'a wait that each refusal restarts',
    file: 'store/sessions/turns.ts',
    from: 'refused_at = coalesce(:since, clock_timestamp())',
    to: 'refused_at = coalesce(clock_timestamp(), :since)',
    tests: fences,
    pattern: 'refused again keeps the time',
  },
  {
    name: 'a node that fetches turns which it has refused',
    file: 'runtime/refusal.ts',
    from: 'for (const ref of missing) lacking.add(ref)',
    to: '',
    tests: deploys,
    pattern: 'refused about once',
  },
  {
    name: 'a sweep that forgets which nodes refuse a turn',
    file: 'store/sessions/nodes.ts',
    from: 'then t.missing_capabilities end as missing',
    to: 'then null::text[] end as missing',
    tests: deploys,
    pattern: 'refused about once',
  },
  {
    name: 'an append of another organization',
    file: 'store/sessions/turn-appends.ts',
    from: 'const fence = `org_id = :orgId and id = :sessionId and',
    to: 'const fence = `id = :sessionId and',
    tests: fences,
  },
  {
    name: 'an append without the cancel fence',
    file: 'store/sessions/turn-appends.ts',
    from: 'and turn_cancelled = :cancelled and',
    to: 'and',
    tests: fences,
  },
  {
    name: 'the end of a cancelled turn ignores events that arrived meanwhile',
    file: 'store/sessions/turn-appends.ts',
    from: '(not :cancelled or sequence = :endsAt)',
    to: '(not :cancelled or true)',
    tests: fences,
  },
  {
    name: 'an append to a log that lost events',
    file: 'store/sessions/turn-appends.ts',
    from: "hasEvent(':afterSequence', ':afterTs')",
    to: "'true'",
    tests: fences,
  },
  {
    name: 'a turn becomes idle although a message arrived',
    file: 'store/sessions/turn-appends.ts',
    from: 'turn_id = case when sequence = :endsAt then :nextTurnId else turn_id end',
    to: 'turn_id = case when :endsAt >= 0 then :nextTurnId else turn_id end',
    tests: fences,
  },
  {
    name: 'a turn is taken from a living node',
    file: 'store/sessions/turns.ts',
    from: nodeOfTurn,
    to: `${nodeOfTurn} and false`,
    tests: fences,
  },
  {
    name: 'a turn is not taken from a node whose lease lapsed',
    file: 'store/sessions/turns.ts',
    from: nodeOfTurn,
    to: 'nodes.id = turn_node and nodes.id <> $4',
    tests: fences,
  },
  {
    name: 'the sweep ignores when leases lapsed',
    file: 'store/sessions/nodes.ts',
    from: livingNode,
    to: 'n.id = t.node_id',
    tests: fences,
  },
  {
    name: 'the sweep takes turns of living nodes',
    file: 'store/sessions/nodes.ts',
    from: livingNode,
    to: `${livingNode} and false`,
    tests: fences,
  },
  {
    name: 'a node without a valid lease sweeps',
    file: 'store/sessions/nodes.ts',
    from: 'where :judging and (:alone or',
    to: 'where (:judging or true) and (:alone or',
    tests: fences,
  },
  {
    name: 'a node that is too new in the table sweeps',
    file: 'store/sessions/nodes.ts',
    from: 'where :judging and (:alone or',
    to: 'where :judging and (:alone or true or',
    tests: fences,
  },
  {
    name: 'a turn takes an end that was refused for its last event',
    file: 'runtime/journal/journal.ts',
    from: 'appended.added > 0 ? appended.ts : turn.events.at(-1)!.ts',
    to: 'appended.ts',
    tests: ['test/crash/database/held-outcomes.test.ts'],
  },
  {
    name: 'a lease never lapses',
    file: 'runtime/lease.ts',
    from: 'options.alone || performance.now() - renewedAt < heldMs',
    to: 'options.alone || performance.now() > heldMs',
    tests: ['test/cluster/stopped-node.test.ts'],
  },
  {
    name: 'a model is called before its intent is stored',
    file: 'runtime/model/reason.ts',
    from: 'await commitReserving(turn, counted, () => draftRequest(turn, plan, numbered(attempt)))',
    to: 'draftRequest(turn, plan, numbered(attempt))',
    tests: intents,
  },
  {
    name: 'a tool runs before its intent is stored',
    file: 'runtime/tools/act.ts',
    from: 'await commit(turn)\n    await mayBegin(turn)',
    to: 'await mayBegin(turn)',
    tests: intents,
  },
  {
    name: 'unsafe tools run again',
    file: 'runtime/log/open-calls.ts',
    from: "replay === 'safe' ||",
    to: "replay === 'safe' || replay === 'unsafe' ||",
    tests: intents,
  },
  {
    name: 'a call whose change of files is made after its error',
    file: 'runtime/tools/call.ts',
    from: 'if (isLate || (decide(error) && !isToolError(error))) {',
    to: 'if (isLate) {',
    tests: ['test/crash/database/lost-file-changes.test.ts'],
  },
  {
    name: 'a cancel that reports a running unsafe call as cancelled only',
    file: 'runtime/inbox/cancel.ts',
    from: '&& !isCancelledCall(logged)',
    to: '',
    tests: ['apps/server/src/runtime/inbox/cancel.test.ts'],
    pattern: 'may have had effects',
  },
  {
    name: 'an append is repeated after a lost response',
    file: 'runtime/journal/append.ts',
    from: 'if (made) return made',
    to: 'if (made?.ended) return made',
    tests: held,
  },
  {
    name: 'a cancelled turn drops the outcomes that it holds',
    file: 'runtime/inbox/cancel.ts',
    from: "keptByCancel[logged.type] === 'kept'",
    to: '!logged',
    tests: held,
  },
  {
    name: 'messages that a model received stay unseen',
    file: 'runtime/log/state.ts',
    from: 'asked(reason, event) })),\n    unseen: []',
    to: 'asked(reason, event) })),\n    unseen: turn.unseen',
    tests: ['apps/server/src/runtime/log/state.test.ts'],
  },
  {
    name: 'a queued message is not removed from the queue by its own turn',
    file: 'runtime/log/state.ts',
    from: 'queued: turn.queued.filter(others) }',
    to: 'queued: turn.queued }',
    tests: ['test/cluster/retry.test.ts'],
  },
  {
    name: 'a stream resumes one event too far',
    file: 'http/streams/session-stream.ts',
    from: 'const read = { after: stream.position.sequence,',
    to: 'const read = { after: stream.position.sequence && stream.position.sequence + 1,',
    tests: stream,
    pattern: 'positions',
  },
  {
    name: 'a stream loses the position inside a message',
    file: 'ids.ts',
    from: 'offset: low & offsetMax',
    to: 'offset: low & 0',
    tests: deltas,
    pattern: 'resuming from an event inside a message',
  },
  {
    name: 'a key that expired',
    file: 'access/credentials.ts',
    from: "if (expiresAt <= Date.now()) throw new ApiError('api_key_expired')",
    to: '',
    tests: credentials,
    pattern: 'a key that is over|an expiry that comes',
  },
  {
    name: 'a key that expires while it is in use',
    file: 'access/expired-entries.ts',
    from: 'if (!entry || entry.expiresAt > now) return entry',
    to: 'if (entry) return entry',
    tests: credentials,
    pattern: 'a key that is over|an expiry that comes',
  },
  {
    name: 'a key that was revoked',
    file: 'access/credentials.ts',
    from: 'if (subjects.some((subject) => gone.has(subject))) bearers.delete(key)',
    to: 'if (gone.has(key)) bearers.delete(subjects[0]!)',
    tests: credentials,
    pattern: 'a key that is over|an expiry that comes',
  },
  {
    name: 'a key in another organization',
    file: 'http/security/principal.ts',
    from: 'if (wanted !== undefined && wanted !== orgId)',
    to: 'if (wanted === "")',
    tests: credentials,
    pattern: 'a key that is over',
  },
  {
    name: 'a key has more rights than its scopes',
    file: 'access/principal.ts',
    from: "scopes.includes('*') ? most",
    to: 'scopes.length > 0 ? most',
    tests: ['test/access/escalation.test.ts'],
    pattern: 'a key has its creator',
  },
  {
    name: 'a route does not check the access level',
    file: 'http/security/principal.ts',
    from: 'if (!allows(principal.level, wanted))',
    to: 'if (!wanted)',
    tests: ['test/access/escalation.test.ts'],
    pattern: 'a key has its creator',
  },
  {
    name: 'slow bodies of clients without a credential',
    file: 'http/security/slow-bodies.ts',
    from: 'receiving && request.principal',
    to: 'receiving',
    tests: ['apps/server/src/http/security/slow-bodies.test.ts'],
    pattern: 'without a credential the bytes',
  },
  {
    name: 'every Host header is served',
    file: 'http/security/guard.ts',
    from: 'if (!isAllowed(hostOf(request)))',
    to: 'if (!isAllowed)',
    tests: hosts,
  },
  {
    name: 'a Host header that only starts like a loopback address',
    file: 'config/host.ts',
    from: "(isIP(name) === 4 && name.startsWith('127.'))",
    to: "name.startsWith('127.')",
    tests: hosts,
  },
  {
    name: 'a budget refuses a model call that is stored',
    file: 'store/budgets/charges.ts',
    from: "'charged.refused is null'",
    to: "'true'",
    tests: budgets,
    pattern: 'a call that does not fit parks the turn',
  },
  {
    name: 'a model is asked for more output than its budgets allow',
    file: 'runtime/model/reason.ts',
    from: 'turn.granted ?? (plan.outputMax && outputTokensOf(turn, plan))',
    to: 'plan.outputMax && outputTokensOf(turn, plan)',
    tests: budgets,
    pattern: 'what is left caps the output',
  },
  {
    name: 'the budget reservation of a cancelled call stays',
    file: 'runtime/inbox/cancel.ts',
    from: 'charge: { spent: effects.spent, context },',
    to: '',
    tests: budgets,
    pattern: 'a cancel releases the reservation',
  },
  {
    name: 'a later outcome shortens the pause of a webhook',
    file: 'store/webhooks/attempts.ts',
    from: 'resume_at = greatest(resume_at, now() + greatest(',
    to: 'resume_at = greatest(now(), now() + greatest(',
    tests: failing,
    pattern: 'of a request in flight',
  },
  {
    name: 'outcomes at the previous address of a webhook count',
    file: 'store/webhooks/attempts.ts',
    from: 'where id = :webhookId and url = :url and enabled',
    to: 'where id = :webhookId and (url = :url or true) and enabled',
    tests: failing,
    pattern: 'a late answer of the previous address',
  },
  {
    name: 'a runner that keeps a failed look-up of its tasks',
    file: 'runtime/queue.ts',
    from: 'if (isFirst) call(error)',
    to: '',
    tests: ['test/crash/database/queue.test.ts'],
    pattern: 'refused to look up',
  },
  {
    name: 'calls beside a full node that keep a failed look-up of their tasks',
    file: 'runtime/queue.ts',
    from: 'delete acts[name]',
    to: '',
    tests: ['test/cluster/full-node.test.ts'],
    pattern: 'refused to look up',
  },
]
