import type { Random } from '../random.ts'

type Call = { name: string; arguments: object }

/** One reply of the scripted model, as `docs/simulated-models.md` describes it. */
type Step = {
  text?: string
  thinking?: string
  tool_calls?: Call[]
  delay_ms?: number
  tokens_per_second?: number
  error?: { message: string; status?: number; after_characters?: number; fail_attempts?: number }
}

/** The effect of a message on the model. */
export type ScriptKind =
  | 'text'
  | 'thinking'
  | 'slow'
  | 'slow_thinking'
  | 'safe_tool'
  | 'unsafe_tool'
  | 'parallel'
  | 'failing_tool'
  | 'long'
  | ErrorKind

type ErrorKind = 'refused_once' | 'broken_once' | 'refused'

export const soundKinds: readonly ScriptKind[] = [
  'text',
  'thinking',
  'slow',
  'slow_thinking',
  'safe_tool',
  'unsafe_tool',
  'parallel',
  'failing_tool',
  'long',
]
export const errorKinds: readonly ScriptKind[] = ['refused_once', 'broken_once', 'refused']

/** Returns the steps of a message. Every text contains the marker, which makes it unique. */
export function stepsOf(kind: ScriptKind, marker: string, random: Random): Step[] {
  const text = (part: number, words = 8) => wordsOf(`${marker}.${part}`, words)
  const effect = (replay: 'safe' | 'unsafe', more: object = {}): Call => ({
    name: `${replay}_effect`,
    arguments: { note: marker, ms: random.between(0, 1_200), ...more },
  })
  const slow = { tokens_per_second: random.between(12, 40) }
  const end = { text: text(9) }
  const parallel = [effect('safe'), effect('unsafe'), effect('unsafe')]
  const failing = [effect('unsafe', { fail: true }), effect('safe')]
  const scripts: Record<ScriptKind, () => Step[]> = {
    text: () => [end],
    thinking: () => [{ thinking: text(1), text: text(2) }],
    slow: () => [{ text: text(1, 40), ...slow }],
    slow_thinking: () => [{ thinking: text(1, 15), text: text(2, 25), ...slow }],
    safe_tool: () => [{ tool_calls: [effect('safe')] }, end],
    unsafe_tool: () => [{ text: text(1), tool_calls: [effect('unsafe')] }, end],
    parallel: () => [{ tool_calls: parallel }, end],
    failing_tool: () => [{ tool_calls: failing }, end],
    long: () => [
      { thinking: text(1), tool_calls: [effect('unsafe')] },
      { text: text(2, 20), ...slow, tool_calls: parallel },
      { delay_ms: 500, text: text(3, 20), ...slow },
    ],
    refused_once: () => [{ ...end, error: { message: 'busy', status: 529, fail_attempts: 1 } }],
    broken_once: () => [{ text: text(1, 40), ...slow, error: broken(30) }],
    refused: () => [{ ...end, error: { message: 'wrong', status: 400 } }],
  }
  return scripts[kind]()
}

const broken = (after_characters: number) => ({
  message: 'the connection broke',
  after_characters,
  fail_attempts: 1,
})

const wordsOf = (name: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${name}-${index + 1}`).join(' ')

/** Returns a message that makes the simulated model run the steps. */
export const messageOf = (marker: string, steps: Step[]) =>
  `${marker} llmsim-script: ${JSON.stringify(steps)}`

export function textsOf(steps: Step[]): string[] {
  return steps.flatMap(({ text }) => (text === undefined ? [] : [text]))
}
