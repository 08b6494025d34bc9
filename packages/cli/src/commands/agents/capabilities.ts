import type { CapabilityInfo } from '@outlast/sdk'
import { type Context, defineCommand, type Noun } from '../../core/command.ts'
import { listFlags, take } from '../../input/list.ts'
import { listIn } from '../../output/rows.ts'
import { schemaRows } from '../../output/schema.ts'

const list = defineCommand({
  summary: 'list the capabilities for agents and sessions',
  flags: {
    ...listFlags,
    status: {
      type: 'string',
      choices: ['available', 'coming_soon', 'deprecated', 'all'],
      value: 'STATUS',
      about: 'status (available)',
    },
  },
  async run({ outlast, out, signal }, { flags }) {
    const wanted = flags.status ?? 'available'
    const isWanted = ({ status }: CapabilityInfo) => wanted === 'all' || status === wanted
    const rows = take(() => only(outlast.capabilities.list({}, { signal }), isWanted), flags)
    await out.list(
      rows,
      [
        { title: 'ID', value: ({ id }) => id },
        { title: 'NAME', value: ({ name }) => name, isFlexible: true },
        { title: 'STATUS', value: ({ status }) => status },
        { title: 'CATEGORY', value: ({ category }) => category, isFlexible: true },
      ],
      { empty: 'No capabilities with this status.' },
    )
  },
})

async function* only<T>(rows: AsyncIterable<T>, isWanted: (row: T) => boolean) {
  for await (const row of rows) if (isWanted(row)) yield row
}

const get = defineCommand({
  summary: 'show a capability, its tools and its config',
  positionals: ['<capability>'],
  async run(context, { words }) {
    const { outlast, out, signal } = context
    const capability = await outlast.capabilities.get(words[0]!, { signal })
    await out.item(capability, {
      ID: capability.id,
      Name: capability.name,
      Description: capability.description,
      Status: capability.status,
      Category: capability.category,
      'Depends on': () => capability.dependencies?.join(', '),
    })
    if (out.mode === 'text') await showParts(context, capability)
  },
})

async function showParts({ out }: Context, capability: CapabilityInfo): Promise<void> {
  const { config_schema, system_prompt } = capability
  const tools = listIn(capability.tool_definitions)
  if (tools.length > 0) {
    await out.line('')
    await out.list(
      tools,
      [
        { title: 'TOOL', value: ({ name }) => name },
        { title: 'DESCRIPTION', value: ({ description }) => description, isFlexible: true },
      ],
      { empty: '' },
    )
  }
  const rows = schemaRows(config_schema)
  if (rows.length > 0) {
    await out.line('')
    await out.list(
      rows,
      [
        { title: 'CONFIG', value: ({ name }) => name },
        { title: 'TYPE', value: ({ type }) => type, isFlexible: true },
        { title: 'DEFAULT', value: ({ byDefault }) => byDefault },
        { title: 'DESCRIPTION', value: ({ about }) => about, isFlexible: true },
      ],
      { empty: '' },
    )
  }
  if (!system_prompt) return
  await out.line('\nAdded to the system prompt:\n')
  await out.text(system_prompt)
}

export const capabilities: Noun = { list, get }
