import {
  type LanguageModelV4,
  type LanguageModelV4CallOptions,
  UnsupportedFunctionalityError,
} from '@ai-sdk/provider'
import { exampleOf, type JsonSchema } from '../schema-example.ts'
import type { Provider } from './provider.ts'
import { assistantReply } from './simulated/assistant.ts'
import { unansweredUserTexts } from './simulated/prompt.ts'
import type { Pace, SimulatedReply } from './simulated/reply.ts'
import { scriptedReply } from './simulated/script.ts'
import { streamReply } from './simulated/stream.ts'
import { isTour, tourReply } from './simulated/tour.ts'

/**
 * Models that run in this process without cost, with the same reply for the same prompt: for a
 * first try without an API key, and for tests. Replies are marked as simulated. A model's name sets
 * its behavior, see docs/simulated-models.md.
 */
export const simulated: Provider = {
  type: 'llmsim',
  title: 'Simulated',
  local: true,
  signatures: [],
  model: async (_connection, name) => simulatedModel(name),
}

function simulatedModel(name: string): LanguageModelV4 {
  const pace = paceOf(name)
  return {
    specificationVersion: 'v4',
    provider: 'llmsim',
    modelId: name,
    supportedUrls: { '*/*': [/.*/] },
    doStream: (options) => streamReply({ ...pace, ...replyOf(name, options) }, name, options),
    doGenerate: () => {
      throw new UnsupportedFunctionalityError({ functionality: 'doGenerate' })
    },
  }
}

function paceOf(name: string): Pace {
  const latency = name.includes('-latency')
  const delay = /-ttft-(\d{1,6})/.exec(name)
  const rate = /-tps-(\d{1,6})/.exec(name)
  return {
    ...(latency && { delayMs: 300, tokensPerSecond: 60 }),
    ...(delay && { delayMs: Number(delay[1]) }),
    ...(rate && { tokensPerSecond: Number(rate[1]) }),
  }
}

function replyOf(name: string, options: LanguageModelV4CallOptions): SimulatedReply {
  if (options.providerOptions?.llmsim?.purpose === 'summary') return summary(options)
  const scripted = scriptedReply(options, name.includes('-script'))
  if (scripted) return scripted
  if (name.includes('-echo')) return echo(options)
  if (isOutputWanted(options)) return exampleOutput(options)
  if (isTour(options)) return { ...tourReply(options), ...paceOf(name) }
  return assistantReply(options)
}

const isOutputWanted = ({ responseFormat }: LanguageModelV4CallOptions) =>
  responseFormat?.type === 'json'

/** An example of the wanted output. */
function exampleOutput({ responseFormat }: LanguageModelV4CallOptions): SimulatedReply {
  const schema = responseFormat?.type === 'json' ? responseFormat.schema : undefined
  return { text: JSON.stringify(exampleOf((schema ?? {}) as JsonSchema)) }
}

/** Reports the length of the text to summarize, and its beginning and end. */
function summary({ prompt }: LanguageModelV4CallOptions): SimulatedReply {
  const text = unansweredUserTexts(prompt).join('\n')
  const [head, tail] = [text.slice(0, 100), text.slice(-100)]
  const words = `${text.length} characters, from ${JSON.stringify(head)} to ${JSON.stringify(tail)}`
  return { text: `Simulated summary: ${words}.` }
}

function echo({ prompt }: LanguageModelV4CallOptions): SimulatedReply {
  return { text: `Simulated echo: ${unansweredUserTexts(prompt).join('\n')}` }
}
