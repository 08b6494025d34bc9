import type { FileInfo } from '@outlast/contract'
import { type Static, Type } from 'typebox'
import { ApiError } from '../errors.ts'
import { defineCapability, defineTool, type ToolContext, ToolError } from './capability.ts'
import { programNames } from './virtual-bash/commands.ts'
import { packEntries, type SessionEntry, type ShellQuestion } from './virtual-bash/messages.ts'
import { fetchAllowed } from './virtual-bash/network.ts'
import { type Finished, runCommand } from './virtual-bash/shells.ts'

const timeoutMsDefault = 30_000
const timeoutMsMax = 60_000
const commandCharactersMax = 200_000

const timeoutMs = (about: { title?: string; description: string }) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum: timeoutMsMax, ...about }))

const config = Type.Object(
  {
    timeout_ms: timeoutMs({
      title: 'Default timeout (ms)',
      description: `Time limit of commands without timeout_ms, 1 to ${timeoutMsMax} ms; by default ${timeoutMsDefault}.`,
    }),
    env: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,99}$' }),
        Type.String({ maxLength: 4096 }),
        {
          maxProperties: 50,
          additionalProperties: false,
          title: 'Environment variables',
          description:
            'Additional environment variables, at most 50 of 4096 characters, which the model can read; by default none.',
        },
      ),
    ),
    commands: Type.Optional(
      Type.Array(Type.Enum([...programNames], { type: 'string' }), {
        uniqueItems: true,
        title: 'Allowed programs',
        description: 'Allowed programs besides the built-in commands of bash; by default all.',
      }),
    ),
    allowed_hosts: Type.Optional(
      Type.Array(
        Type.String({ pattern: '^(\\*\\.)?[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$' }),
        {
          maxItems: 50,
          description:
            'Hosts that curl may reach over http and https, at most 50, where `*.example.com` covers every host below example.com; by default none, and no curl.',
        },
      ),
    ),
  },
  { additionalProperties: false },
)
type Config = Static<typeof config>

const input = Type.Object(
  {
    command: Type.String({
      minLength: 1,
      maxLength: commandCharactersMax,
      description: 'A bash command or script.',
    }),
    working_dir: Type.Optional(
      Type.String({ maxLength: 1024, default: '/', description: 'Working directory.' }),
    ),
    timeout_ms: timeoutMs({
      description: `Time limit, 1 to ${timeoutMsMax} ms; by default the limit of the config.`,
    }),
  },
  { additionalProperties: false },
)
type Input = Static<typeof input>

const bash = (config: Config) =>
  defineTool({
    name: 'bash',
    description: "Runs a bash command or script on the session's files.",
    // A second run would see the changes of the first (`>>` appends twice, `mv` fails), and curl
    // would repeat its requests.
    replay: hasNetwork(config) ? 'unsafe' : 'until_changed',
    input,
    run: (input, context) => run(input, config, context),
  })

const hasNetwork = ({ allowed_hosts = [] }: Config) => allowed_hosts.length > 0

async function run(input: Input, config: Config, context: ToolContext) {
  const { files, signal, orgId, sessionId } = context
  const entries = (await files.list('/', { recursive: true })).map(entryOf)
  const job = {
    command: input.command,
    workingDir: input.working_dir ?? '/',
    timeoutMs: input.timeout_ms ?? config.timeout_ms ?? timeoutMsDefault,
    env: config.env ?? {},
    commands: config.commands,
    hasNetwork: hasNetwork(config),
    entries: packEntries(entries),
  }
  const answer = (asked: ShellQuestion) => answerShell(asked, config, context)
  const finished = await runCommand({ job, orgId, sessionId, signal, answer })
  signal.throwIfAborted()
  await keepChanges(finished, context)
  const { stdout, stderr, exitCode } = finished
  // Short fields first: truncation removes the middle of a long result.
  return { exit_code: exitCode, success: exitCode === 0, stderr, stdout }
}

const entryOf = (file: FileInfo): SessionEntry => ({
  path: file.path,
  isDirectory: file.is_directory,
  isReadonly: file.is_readonly,
  sizeBytes: file.size_bytes,
  changedAtMs: Date.parse(file.updated_at),
})

function answerShell(asked: ShellQuestion, { allowed_hosts }: Config, context: ToolContext) {
  if (asked.kind === 'read') return readFile(asked.path, context)
  const { fetch, signal } = context
  return fetchAllowed(asked.request, { allowedHosts: allowed_hosts ?? [], fetch, signal })
}

/** Reads a file; undefined when it was deleted. */
async function readFile(path: string, { files }: ToolContext): Promise<Buffer | undefined> {
  try {
    return (await files.read(path)).bytes
  } catch (error) {
    const isGone =
      error instanceof ApiError && ['file_not_found', 'not_a_file'].includes(error.code)
    if (isGone) return undefined
    throw error
  }
}

async function keepChanges({ changes }: Finished, { files }: ToolContext): Promise<void> {
  if (changes.length === 0) return
  try {
    await files.apply(changes)
  } catch (error) {
    if (!(error instanceof ApiError) || error.status >= 500) throw error
    throw new ToolError(
      `The command ran, but its changes to files were not saved: ${error.message}`,
    )
  }
}

function prompt({ allowed_hosts = [], commands, timeout_ms = timeoutMsDefault }: Config): string {
  const network =
    allowed_hosts.length > 0
      ? `curl reaches only ${allowed_hosts.join(', ')}.`
      : 'There is no network.'
  const programs = commands
    ? `Programs: ${commands.join(', ')}.`
    : 'It has the usual text tools (grep, sed, awk, sort, jq, yq, find, tar, ...), but no Python, Node or compilers.'
  return [
    "bash runs scripts in a simulated shell whose root directory is this session's files.",
    'Files that a command writes, moves or removes are saved together when it ends. Files in /tmp, /bin, /dev, /proc and /usr, variables, permissions and links are not saved.',
    'A command that times out or is cancelled saves nothing.',
    `${programs} ${network}`,
    `A command may take ${timeout_ms} ms (timeout_ms changes that, up to ${timeoutMsMax}), run 50000 commands and write 64 MiB; 1 MiB of each output stream is kept. In a pipe each program ends before the next one starts.`,
  ].join('\n')
}

export const virtualBash = defineCapability({
  id: 'virtual_bash',
  name: 'Virtual Bash',
  description: "A bash shell on the session's files, without access to any other resources.",
  category: 'Execution',
  icon: 'terminal',
  status: 'available',
  dependencies: ['session_file_system'],
  config,
  sessionRules: {
    timeout_ms: 'session',
    env: 'session',
    commands: 'intersection',
    allowed_hosts: 'granted_hosts',
  },
  prompt,
  tools: (config) => [bash(config)],
})
