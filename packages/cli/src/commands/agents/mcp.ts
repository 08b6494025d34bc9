import { defineCommand, type Noun } from '../../core/command.ts'
import { exitCodes, UsageError } from '../../core/failure.ts'
import { changeOf, given, stateFlags, statusOf } from '../../input/change.ts'
import { deletion, yesFlag } from '../../input/deletion.ts'
import { listFlags, take } from '../../input/list.ts'
import { confirmed } from '../../input/prompt.ts'
import { vendorKey, vendorKeyFlag } from '../../input/vendor-key.ts'
import { listIn } from '../../output/rows.ts'
import { duration, moment } from '../../output/time.ts'
import { oneLine } from '../../output/width.ts'

const list = defineCommand({
  summary: 'list MCP servers',
  flags: listFlags,
  async run({ outlast, out, signal }, { flags }) {
    const rows = take((page) => outlast.mcpServers.list(page, { signal }), flags)
    await out.list(
      rows,
      [
        { title: 'ID', value: ({ id }) => id },
        { title: 'NAME', value: ({ name }) => name, isFlexible: true },
        { title: 'URL', value: ({ url }) => url, isFlexible: true },
        { title: 'TOOLS', value: ({ tool_count }) => tool_count, isExtra: true },
        {
          title: 'STATUS',
          value: ({ status, tools_error }) => (tools_error ? 'unavailable' : status),
        },
      ],
      { empty: 'No MCP servers yet. `outlast mcp create` adds one.' },
    )
  },
})

/** The name that agents use for a server: `mcp:` and the digits of its id as a dashed UUID. */
const capabilityOf = (id: string | undefined) =>
  id?.replace(/^mcp_(.{8})(.{4})(.{4})(.{4})(.{12})$/, 'mcp:$1-$2-$3-$4-$5')

const get = defineCommand({
  summary: 'show an MCP server',
  positionals: ['<server>'],
  async run({ outlast, out, signal }, { words }) {
    const server = await outlast.mcpServers.get(words[0]!, { signal })
    await out.item(server, {
      ID: server.id,
      Name: server.name,
      Description: server.description,
      URL: server.url,
      Capability: capabilityOf(server.id),
      Headers: server.headers && Object.keys(server.headers).join(', '),
      'API key': server.api_key_set ? 'set' : 'none',
      Status: server.status,
      Tools: server.tool_count,
      'Tools listed': moment(server.tools_listed_at),
      'New or changed': server.changed_tools && oneLine(server.changed_tools.join(', ')),
      Error: server.tools_error,
      Created: moment(server.created_at),
      Updated: moment(server.updated_at),
    })
  },
})

const serverFlags = {
  description: { type: 'string', value: 'TEXT', about: 'description' },
  header: {
    type: 'string',
    multiple: true,
    value: 'NAME:VALUE',
    about: 'header of its requests; not for secrets, which process lists show',
  },
  ...vendorKeyFlag,
} as const

/** Contract: throws a UsageError for an invalid header. */
function headersOf(lines: readonly string[]): Record<string, string> | undefined {
  if (lines.length === 0) return undefined
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf(':')
      if (at < 1) throw new UsageError(`--header ${line} must have the form Name: value.`)
      return [line.slice(0, at).trim(), line.slice(at + 1).trim()]
    }),
  )
}

const create = defineCommand({
  summary: 'add an MCP server by its URL',
  positionals: ['<name>', '<address>'],
  flags: serverFlags,
  async run(context, { words, flags }) {
    const { outlast, out, signal } = context
    const body = {
      name: words[0]!,
      url: words[1]!,
      ...given({ description: flags.description, headers: headersOf(flags.header) }),
      ...(await vendorKey(context, flags)),
    }
    const server = await outlast.mcpServers.create(body, { signal })
    await out.done(
      server,
      `Created MCP server ${server.id} (${server.name}). \`outlast mcp test\` tests it. Agents use it as the capability ${capabilityOf(server.id)}.`,
    )
  },
})

const update = defineCommand({
  summary: 'update an MCP server; a new address needs key and headers again',
  more: '--header replaces all headers.',
  positionals: ['<server>'],
  flags: {
    name: { type: 'string', value: 'NAME', about: 'name' },
    address: { type: 'string', value: 'URL', about: 'URL' },
    ...serverFlags,
    ...stateFlags,
  },
  async run(context, { words, flags }) {
    const { outlast, out, signal } = context
    const { name, address, description } = flags
    const change = changeOf({
      ...given({ name, url: address, description, headers: headersOf(flags.header) }),
      ...statusOf(flags),
      ...(await vendorKey(context, flags)),
    })
    const server = await outlast.mcpServers.update(words[0]!, change, { signal })
    await out.done(server, `Changed MCP server ${server.id} (${server.name}).`)
  },
})

const test = defineCommand({
  summary: 'connect and list its tools',
  positionals: ['<server>'],
  async run({ outlast, out, signal }, { words }) {
    const result = await outlast.mcpServers.test(words[0]!, { signal })
    const { ok, message, latency_ms } = result
    const tools = listIn(result.tools)
    const time = duration(latency_ms)
    const sentence = ok
      ? `It works: ${tools.length} tools${time ? ` after ${time}` : ''}.`
      : `It does not work: ${message ?? 'no reason'}`
    await out.done({ ...result, id: words[0]! }, sentence)
    if (out.mode === 'text' && tools.length > 0) {
      await out.list(
        tools,
        [
          { title: 'TOOL', value: ({ name }) => name },
          { title: 'DESCRIPTION', value: ({ description }) => description, isFlexible: true },
        ],
        { empty: '' },
      )
    }
    for (const warning of listIn(result.warnings)) out.note(`Warning: ${warning}`)
    return ok ? exitCodes.ok : exitCodes.failed
  },
})

const review = defineCommand({
  summary: 'confirm new or changed tools',
  positionals: ['<server>'],
  flags: yesFlag,
  async run({ outlast, out, io, signal }, { words, flags }) {
    const server = await outlast.mcpServers.get(words[0]!, { signal })
    const { id, name, tools_hash, changed_tools: changed = [] } = server
    if (!tools_hash || changed.length === 0) {
      await out.done(server, `No tool of ${name} changed since its list was reviewed.`)
      return exitCodes.ok
    }
    out.note(`New or changed tools: ${oneLine(changed.join(', '))}`)
    const question = `Confirm these tools of ${name}?`
    if (!(await confirmed(io, question, flags.yes))) return exitCodes.failed
    const reviewed = await outlast.mcpServers.review(id, { tools_hash }, { signal })
    await out.done(
      reviewed,
      `Confirmed ${changed.length === 1 ? '1 tool' : `${changed.length} tools`} of ${name}.`,
    )
    return exitCodes.ok
  },
})

export const mcp: Noun = {
  list,
  get,
  create,
  update,
  delete: deletion({
    summary: 'delete an MCP server; agents lose its tools',
    positional: '<server>',
    question: (label) => `Delete MCP server ${label}?`,
    sentence: (id) => `Deleted MCP server ${id}.`,
    remove: (outlast, id, options) => outlast.mcpServers.delete(id, options),
  }),
  test,
  review,
}
