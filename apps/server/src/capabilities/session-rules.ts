import { isDeepStrictEqual } from 'node:util'
import { coversHost } from './web-fetch/domains.ts'

/**
 * How a session's value of a config field combines with the agent's.
 * - `agent`: only the agent sets it. A session's value has no effect and must equal the agent's.
 * - `session`: the session's value replaces the agent's. For fields without a protective purpose.
 * - `true_wins`, `false_wins`: the narrower boolean.
 * - `smaller`: the lower limit.
 * - `union`: for lists of refused values.
 * - `intersection`: for lists of allowed values; an absent field allows all.
 * - `hosts`: the same for hosts, where `*.example.com` covers every host below example.com.
 * - `granted_hosts`: the same, but an absent field allows none.
 * - `approval`: a tool requires approval if either side does.
 */
export type SessionRule =
  | 'agent'
  | 'session'
  | 'true_wins'
  | 'false_wins'
  | 'smaller'
  | 'union'
  | 'intersection'
  | 'hosts'
  | 'granted_hosts'
  | 'approval'

type RuleOf<Value> =
  | 'agent'
  | 'session'
  | (Value extends boolean
      ? 'true_wins' | 'false_wins'
      : Value extends number
        ? 'smaller'
        : Value extends readonly string[]
          ? 'union' | 'intersection' | 'hosts' | 'granted_hosts'
          : never)

/**
 * A rule for each field of a config. The compiler refuses a capability without a rule for a field.
 */
export type SessionRules<Config> = {
  readonly [Field in keyof Config]-?: RuleOf<NonNullable<Config[Field]>>
}

type Config = Readonly<Record<string, unknown>>
type Names = readonly string[]

type Rule<Value> = {
  /** True where a session may not set the field, also where the agent does not. */
  isClosed?: true
  /** The meaning of an absent agent value. Undefined: no limit. */
  absent?: Value
  combine: (agent: Value, session: Value) => Value
  /** Returns the path below the field at which the session's value allows more than the agent's. */
  widens: (agent: Value, session: Value) => string | undefined
}

const whole = (isWider: boolean) => (isWider ? '' : undefined)
const union = (a: Names, b: Names) => [...new Set([...a, ...b])]
const itemPath = (index: number) => (index < 0 ? undefined : `/${index}`)
const isCovered = (host: string, hosts: Names) => hosts.some((other) => coversHost(other, host))

const hosts: Rule<Names> = {
  combine: (agent, session) =>
    union(
      session.filter((host) => isCovered(host, agent)),
      agent.filter((host) => isCovered(host, session)),
    ),
  widens: (agent, session) => itemPath(session.findIndex((host) => !isCovered(host, agent))),
}

type Approval = boolean | Names

const asks = (wanted: Approval) => wanted === true || (wanted !== false && wanted.length > 0)

const rules = {
  agent: {
    isClosed: true,
    combine: (agent) => agent,
    widens: (agent, session) => whole(!isDeepStrictEqual(agent, session)),
  } satisfies Rule<unknown>,
  session: { combine: (_, session) => session, widens: () => undefined } satisfies Rule<unknown>,
  true_wins: {
    combine: (agent, session) => agent || session,
    widens: (agent, session) => whole(agent && !session),
  } satisfies Rule<boolean>,
  false_wins: {
    combine: (agent, session) => agent && session,
    widens: (agent, session) => whole(!agent && session),
  } satisfies Rule<boolean>,
  smaller: {
    combine: Math.min,
    widens: (agent, session) => whole(session > agent),
  } satisfies Rule<number>,
  union: { combine: union, widens: () => undefined } satisfies Rule<Names>,
  intersection: {
    combine: (agent, session) => agent.filter((name) => session.includes(name)),
    widens: (agent, session) => itemPath(session.findIndex((name) => !agent.includes(name))),
  } satisfies Rule<Names>,
  hosts,
  granted_hosts: { ...hosts, absent: [] } satisfies Rule<Names>,
  approval: {
    combine: (agent, session) => {
      if (agent === true || session === true) return true
      return union(agent || [], session || [])
    },
    widens: (agent, session) => whole(asks(agent) && !asks(session)),
  } satisfies Rule<Approval>,
}

export const isSessionRule = (name: string) => Object.hasOwn(rules, name)

/** A field without a rule is in no schema: the agent's value stays. */
function ruleOf(known: Readonly<Record<string, SessionRule>>, field: string): Rule<unknown> {
  const rule = Object.hasOwn(known, field) ? known[field] : undefined
  return rule
    ? (rules[rule] as Rule<unknown>)
    : { combine: (agent) => agent, widens: () => undefined }
}

type SessionRulesByField = Readonly<Record<string, SessionRule>>

/** Combines two configs. Contract: pure; both match the schema that the rules belong to. */
export function narrowedConfig(known: SessionRulesByField, agent: Config, session: Config): Config {
  const fields = new Set([...Object.keys(agent), ...Object.keys(session)])
  return Object.fromEntries(
    [...fields].map((field) => {
      const { absent, combine, isClosed } = ruleOf(known, field)
      const [before = absent, after] = [agent[field], session[field]]
      if (after === undefined || isClosed) return [field, before]
      return [field, before === undefined ? after : combine(before, after)]
    }),
  )
}

/** The path of the first place where a session's config allows more than the agent's, if any. */
export function widenedAt(
  known: SessionRulesByField,
  agent: Config,
  session: Config,
): string | undefined {
  for (const [field, after] of Object.entries(session)) {
    const { absent, widens, isClosed } = ruleOf(known, field)
    const before = agent[field] ?? absent
    if (after === undefined || (before === undefined && !isClosed)) continue
    const below = widens(before, after)
    if (below !== undefined) return `/${field}${below}`
  }
  return undefined
}
