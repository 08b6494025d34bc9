import { Type } from 'typebox'
import { defineCapability, defineTool } from '../apps/server/src/capabilities/capability.ts'
import { assemble } from '../apps/server/src/capabilities/catalog.ts'
import { summaryOf } from '../apps/server/src/runtime/journal/open-turn.ts'
import { toolsOf } from '../apps/server/src/runtime/model/prompt.ts'
import { median, ms, type Options, percentile, type Report, runsOf } from './figures.ts'

const capabilityCount = 50
const toolsEach = 10
const goalMs = 3

/** What a turn does once before its first model call: capabilities put together, prompt and tools hashed. */
export async function runtimeAgent(options: Options): Promise<Report> {
  const small = timesOf(5, options)
  const large = timesOf(capabilityCount, options)
  return {
    title: 'The agent of a turn',
    rows: [
      {
        what: `${capabilityCount} capabilities with ${capabilityCount * toolsEach} tools, p50`,
        goal: `at most ${goalMs} ms warm`,
        measured: ms(median(large)),
        ratio: `${(median(large) / median(small)).toFixed(1)} times that of 5 with 50`,
        met: median(large) <= goalMs,
      },
      { what: 'the same, p99', goal: '', measured: ms(percentile(large, 0.99)) },
      { what: '5 capabilities with 50 tools, p50', goal: '', measured: ms(median(small)) },
    ],
    notes: [
      'A turn does this once: `turn.agent` is read-only, and every model call of the turn takes it.',
    ],
  }
}

function timesOf(count: number, options: Options): number[] {
  const list = Array.from({ length: count }, (_, n) => capabilityOf(n))
  const uses = list.map(({ id }, n) => ({ ref: id, config: { tone: `tone ${n}` } }))
  const agent = { agentPrompt: 'Be kind. '.repeat(100), agentUses: uses, sessionUses: [] }
  const put = () => {
    const begun = performance.now()
    const made = assemble(list, agent)
    toolsOf(made)
    summaryOf(made)
    return performance.now() - begun
  }
  for (let warm = 0; warm < 200; warm++) put()
  return Array.from({ length: runsOf(options) * 100 }, put)
}

const capabilityOf = (n: number) =>
  defineCapability({
    id: `capability_${n}`,
    name: `Capability ${n}`,
    description: 'For a benchmark.',
    category: 'Testing',
    icon: 'box',
    status: 'available',
    dependencies: n > 0 ? [`capability_${n - 1}`] : [],
    config: Type.Object({ tone: Type.Optional(Type.String()) }, { additionalProperties: false }),
    sessionRules: { tone: 'session' },
    prompt: ({ tone }) => `Use these tools in a ${tone ?? 'plain'} way. `.repeat(10),
    tools: ({ tone }) =>
      Array.from({ length: toolsEach }, (_, m) =>
        defineTool({
          name: `tool_${n}_${m}`,
          description: `Does something with ${tone}, and tells of it in many words. `.repeat(3),
          replay: 'safe',
          input: Type.Object(
            {
              path: Type.String({ description: 'Where.' }),
              count: Type.Optional(Type.Integer({ minimum: 1 })),
            },
            { additionalProperties: false },
          ),
          run: () => ({}),
        }),
      ),
  })
