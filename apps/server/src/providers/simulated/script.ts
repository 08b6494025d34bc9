import type { LanguageModelV4CallOptions, LanguageModelV4Prompt } from '@ai-sdk/provider'
import { type Static, Type } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import { isCorrectionText } from '../../store/log/conversation.ts'
import { userText } from './prompt.ts'
import type { SimulatedReply } from './reply.ts'

const strict = { additionalProperties: false }
const amount = (maximum: number) => Type.Optional(Type.Integer({ minimum: 0, maximum }))
const text = Type.Optional(Type.String())

const ScriptCall = Type.Object(
  { name: Type.String(), arguments: Type.Record(Type.String(), Type.Unknown()), id: text },
  strict,
)

const ScriptError = Type.Object(
  {
    message: Type.String(),
    status: Type.Optional(Type.Integer({ minimum: 400, maximum: 599 })),
    after_characters: amount(10_000_000),
    fail_attempts: amount(1000),
  },
  strict,
)

const ScriptUsage = Type.Object(
  {
    input_tokens: amount(1e9),
    output_tokens: amount(1e9),
    cache_read_tokens: amount(1e9),
    cache_creation_tokens: amount(1e9),
  },
  strict,
)

const Script = Type.Array(
  Type.Object(
    {
      text,
      output: Type.Optional(Type.Unknown()),
      thinking: text,
      tool_calls: Type.Optional(Type.Array(ScriptCall, { maxItems: 1000 })),
      delay_ms: amount(600_000),
      tokens_per_second: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
      chunk: Type.Optional(Type.Integer({ minimum: 1 })),
      error: Type.Optional(ScriptError),
      usage: Type.Optional(ScriptUsage),
    },
    strict,
  ),
  { minItems: 1, maxItems: 10_000 },
)
type Script = Static<typeof Script>

const mark = 'llmsim-script:'

/** Whether a text has a script for simulated models. */
export const holdsScript = (text: string) => text.includes(mark)

let validator: Validator | undefined

const scriptsAreOff: SimulatedReply = {
  text: 'Simulated: scripts are off. Start the server with SIMULATED_SCRIPTS=true to enable them.',
}

/**
 * Finds the script in the prompt and returns its reply for this call; undefined without a script.
 * When scripts are off, the reply is a sentence about that.
 * Contract: reads the newest user message and the system prompt, and with `anywhere` all user
 * messages, the newest first. Stateless: the step is the number of replies after the script.
 */
export function scriptedReply(
  options: LanguageModelV4CallOptions,
  anywhere: boolean,
): SimulatedReply | undefined {
  const found = findScript(options.prompt, anywhere)
  if (options.providerOptions?.llmsim?.scripts !== true) return found && scriptsAreOff
  if (!found) return anywhere ? { text: `Simulated: no message has a ${mark} block.` } : undefined
  const script = parseScript(found.text)
  if (typeof script === 'string') return { text: `Simulated: the script is invalid: ${script}.` }
  const step = script[repliesAfter(options.prompt, found.index)]
  if (!step) return { text: 'Simulated: the script has ended.' }
  return replyOf(step, attemptOf(options))
}

function findScript(prompt: LanguageModelV4Prompt, anywhere: boolean) {
  for (let index = prompt.length - 1; index >= 0; index--) {
    const message = prompt[index]!
    if (message.role !== 'user') continue
    const said = userText(message)
    if (isCorrectionText(said)) continue
    const text = afterMark(said)
    if (text !== undefined) return { index, text }
    if (!anywhere) break
  }
  const [first] = prompt
  const text = first?.role === 'system' ? afterMark(first.content) : undefined
  return text === undefined ? undefined : { index: 0, text }
}

function afterMark(text: string): string | undefined {
  const at = text.indexOf(mark)
  return at === -1 ? undefined : text.slice(at + mark.length)
}

function repliesAfter(prompt: LanguageModelV4Prompt, index: number): number {
  let count = 0
  for (let at = index + 1; at < prompt.length; at++) {
    if (prompt[at]!.role === 'assistant') count++
  }
  return count
}

/** Parses a script; returns the error as text if it is invalid. */
function parseScript(text: string): Script | string {
  let value: unknown
  try {
    value = JSON.parse(firstArray(text))
  } catch (error) {
    return (error as Error).message
  }
  validator ??= Compile(Script)
  if (validator.Check(value)) return value as Script
  const problem = validator.Errors(value).find(({ keyword }) => keyword !== 'boolean')
  return `${problem?.instancePath || 'it'} ${problem?.message}`
}

/** Returns the text of the first bracketed list; a prompt may continue after the script. */
function firstArray(text: string): string {
  const token = /"[^"\\]*(?:\\.[^"\\]*)*"|[[\]]/gs
  let depth = 0
  for (const { 0: found, index } of text.matchAll(token)) {
    if (found === '[') depth++
    else if (found === ']' && --depth <= 0) return text.slice(0, index + 1)
  }
  return text
}

function attemptOf({ providerOptions }: LanguageModelV4CallOptions): number {
  const attempt = providerOptions?.llmsim?.attempt
  return typeof attempt === 'number' ? attempt : 1
}

function replyOf(step: Script[number], attempt: number): SimulatedReply {
  const { error } = step
  const fails = error && attempt <= (error.fail_attempts ?? Number.POSITIVE_INFINITY)
  return {
    thinking: step.thinking,
    text: step.output === undefined ? step.text : JSON.stringify(step.output),
    toolCalls: step.tool_calls?.map((call) => ({ ...call, input: call.arguments })),
    chunk: step.chunk,
    usage: step.usage,
    ...(step.delay_ms !== undefined && { delayMs: step.delay_ms }),
    ...(step.tokens_per_second !== undefined && { tokensPerSecond: step.tokens_per_second }),
    ...(fails && {
      fault: {
        message: error.message,
        status: error.status,
        afterCharacters: error.after_characters,
      },
    }),
  }
}
