import { isDeepStrictEqual } from 'node:util'
import type { LanguageModelV4CallOptions } from '@ai-sdk/provider'
import { cityOf } from './cities.ts'
import { type CallOutcome, openCalls, type PromptCall, unansweredUserTexts } from './prompt.ts'
import { type MathOperation, questionsIn, type ToolQuestion } from './questions.ts'
import type { ReplyCall, SimulatedReply } from './reply.ts'

/** The state of a question: it needs a tool call, or has its answer. */
type Step = { call: ReplyCall } | { answer: string }

type Toolbox = { tools: ReadonlySet<string>; calls: readonly PromptCall[] }

/**
 * Builds the reply of a rule-based assistant. It calls tools for time, arithmetic and weather, and
 * repeats their results.
 */
export function assistantReply({ prompt, tools = [] }: LanguageModelV4CallOptions): SimulatedReply {
  const texts = unansweredUserTexts(prompt)
  const toolbox = { tools: new Set(tools.map(({ name }) => name)), calls: openCalls(prompt) }
  const steps = texts.flatMap(questionsIn).map((question) => stepFor(question, toolbox))
  const wanted = unique(steps.flatMap((step) => ('call' in step ? [step.call] : [])))
  if (wanted.length > 0) return { toolCalls: wanted }
  const sentences = steps.flatMap((step) => ('answer' in step ? [step.answer] : []))
  if (sentences.length === 0) sentences.push(...toolbox.calls.map(summary))
  if (sentences.length === 0) sentences.push(smallTalk(texts.at(-1) ?? '', toolbox.tools))
  return { text: `${sentences.join(' ')} (simulated)` }
}

function unique(calls: readonly ReplyCall[]): ReplyCall[] {
  return calls.filter(
    (call, index) => calls.findIndex((other) => isDeepStrictEqual(other, call)) === index,
  )
}

function stepFor(question: ToolQuestion, toolbox: Toolbox): Step {
  switch (question.kind) {
    case 'time':
      return timeStep(question, toolbox)
    case 'arithmetic':
      return arithmeticStep(question, toolbox)
    case 'weather':
    case 'forecast':
      return weatherStep(question, toolbox)
  }
}

/** Calls a tool once. `toSentence` turns its result into a sentence. */
function useTool(
  toolbox: Toolbox,
  call: ReplyCall,
  { about, toSentence }: { about: string; toSentence: (result: unknown) => string },
): Step {
  const earlier = toolbox.calls.find(
    ({ name, input }) => name === call.name && isDeepStrictEqual(input, call.input),
  )
  if (earlier) return { answer: outcomeSentence(earlier.outcome, about, toSentence) }
  if (toolbox.tools.has(call.name)) return { call }
  return { answer: `I need the tool ${call.name} for ${about}, and this agent does not have it.` }
}

function outcomeSentence(
  outcome: CallOutcome | undefined,
  about: string,
  toSentence: (result: unknown) => string,
) {
  if (!outcome) return `There was no result for ${about}.`
  if ('error' in outcome) return `I could not get ${about}: ${outcome.error.replace(/\.$/, '')}.`
  return toSentence(outcome.result)
}

type TimeQuestion = Extract<ToolQuestion, { kind: 'time' }>

function timeStep({ place, zone }: TimeQuestion, toolbox: Toolbox): Step {
  const timezone = zone ?? place
  const input = timezone ? { timezone } : {}
  return useTool(
    toolbox,
    { name: 'get_current_time', input },
    {
      about: place ? `the time in ${place}` : 'the time',
      toSentence: (result) => timeSentence(result, place),
    },
  )
}

const weekdays = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']

function timeSentence(result: unknown, place: string | undefined): string {
  const { datetime, timezone } = fields(result)
  const found = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)/.exec(String(datetime))
  if (!found) return `The time: ${short(result)}.`
  const weekday = weekdays[new Date(`${found[1]}T00:00:00Z`).getUTCDay()]
  const where = place ?? cityOf(String(timezone))
  const zone = where === timezone ? '' : ` (${timezone})`
  return `It is ${found[2]} on ${weekday}, ${found[1]}, in ${where}${zone}.`
}

type Weather = Extract<ToolQuestion, { kind: 'weather' | 'forecast' }>

function weatherStep(question: Weather, toolbox: Toolbox): Step {
  const { kind, place, units } = question
  if (!place) return { answer: 'Which place do you want the weather for?' }
  const days = kind === 'forecast' ? question.days : undefined
  const input = { location: place, ...(days && { days }), ...(units && { units }) }
  if (kind === 'weather') {
    return useTool(
      toolbox,
      { name: 'get_weather', input },
      {
        about: `the weather in ${place}`,
        toSentence: (result) => weatherSentence(result, place),
      },
    )
  }
  return useTool(
    toolbox,
    { name: 'get_forecast', input },
    {
      about: `the forecast for ${place}`,
      toSentence: (result) => forecastSentence(result, place),
    },
  )
}

const unitOf = (units: unknown) => (units === 'fahrenheit' ? '°F' : '°C')

function weatherSentence(result: unknown, place: string): string {
  const { temperature, units, conditions, humidity, wind_speed_kmh: wind } = fields(result)
  if (temperature === undefined) return `The weather in ${place}: ${short(result)}.`
  const air = humidity === undefined ? '' : `, with ${humidity} % humidity and ${wind} km/h of wind`
  return `In ${place} it is ${temperature} ${unitOf(units)} and ${conditions}${air}.`
}

function forecastSentence(result: unknown, place: string): string {
  const { forecast, units } = fields(result)
  if (!Array.isArray(forecast)) return `The forecast for ${place}: ${short(result)}.`
  const days = forecast
    .map(fields)
    .map((day) => `${day.date} ${day.conditions}, ${day.low} to ${day.high} ${unitOf(units)}`)
  return `The forecast for ${place}: ${days.join('; ')}.`
}

type Arithmetic = Extract<ToolQuestion, { kind: 'arithmetic' }>

const signs: Record<MathOperation, string> = { add: '+', subtract: '-', multiply: '×', divide: '÷' }
const binds = (operation: MathOperation) => operation === 'multiply' || operation === 'divide'

/** Computes one operation at a time, × and ÷ first, each with its tool. */
function arithmeticStep({ numbers, operations }: Arithmetic, toolbox: Toolbox): Step {
  const shown = numbers
    .map((n, i) => (i === 0 ? `${n}` : `${signs[operations[i - 1]!]} ${n}`))
    .join(' ')
  const left = { numbers: [...numbers], operations: [...operations] }
  while (left.operations.length > 0) {
    const at = Math.max(0, left.operations.findIndex(binds))
    const input = { a: left.numbers[at]!, b: left.numbers[at + 1]! }
    let value: unknown
    const step = useTool(
      toolbox,
      { name: left.operations[at]!, input },
      {
        about: shown,
        toSentence: (result) => {
          value = typeof result === 'number' ? result : fields(result).result
          return `${shown}: ${short(result)}.`
        },
      },
    )
    if (typeof value !== 'number') return step
    left.numbers.splice(at, 2, value)
    left.operations.splice(at, 1)
  }
  return { answer: `${shown} = ${left.numbers[0]}.` }
}

const shortMax = 300
const quoteMax = 80

const fields = (value: unknown) => Object(value) as Record<string, unknown>
const short = (value: unknown) => clip(JSON.stringify(value) ?? 'nothing', shortMax)

/** The first characters of a text; never half a surrogate pair. */
function clip(text: string, length: number): string {
  const start = text.slice(0, length * 2)
  const characters = [...start]
  return characters.length > length ? `${characters.slice(0, length).join('')}…` : start
}

function summary({ name, outcome }: PromptCall): string {
  return outcomeSentence(outcome, name, (result) => `${name} returned ${short(result)}.`)
}

/** Questions that the tools of an agent can answer, each with an example. */
const skills: { tools: readonly string[]; topic: string; example: string }[] = [
  { tools: ['get_current_time'], topic: 'the time', example: 'What time is it in Tokyo?' },
  {
    tools: Object.keys(signs),
    topic: 'calculations',
    example: 'What is 12 * 7 + 4?',
  },
  { tools: ['get_weather'], topic: 'the weather', example: 'What is the weather in Lisbon?' },
  { tools: ['get_forecast'], topic: 'forecasts', example: 'What is the forecast for Lisbon?' },
]

const realModel =
  'For a real model, add a provider with an API key: in the console under Models, or with `outlast providers create`.'

/** Quotes the message. Offers only questions that the agent's tools can answer. */
function smallTalk(text: string, tools: ReadonlySet<string>): string {
  const message = text.trim().replace(/\s+/g, ' ')
  const greeting = message ? `You said “${clip(message, quoteMax)}”.` : 'Hello.'
  const offered = skills.filter((skill) => skill.tools.every((name) => tools.has(name)))
  const offer = offered[0]
    ? `With the tools of this agent I answer questions about ${listOf(offered)}, such as “${offered[0].example}”.`
    : 'I can repeat messages, but I cannot do the work of this agent.'
  return `${greeting} I am a simulated model with fixed rules. ${offer} ${realModel}`
}

function listOf(offered: readonly { topic: string }[]): string {
  const topics = offered.map(({ topic }) => topic)
  return topics.length < 2
    ? topics.join()
    : `${topics.slice(0, -1).join(', ')} and ${topics.at(-1)}`
}
