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

const timeoutMs = (description: string) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum: timeoutMsMax, description }))

const config = Type.Object(
  {
    timeout_ms: timeoutMs(
      'How long a command may take that does not say itself. 30000 without it.',
    ),
    env: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,99}$' }),
        Type.String({ maxLength: 4096 }),
        {
          maxProperties: 50,
          additionalProperties: false,
          description:
            'Further environment variables. The model can read them: no place for secrets.',
        },
      ),
    ),
    commands: Type.Optional(
      Type.Array(Type.Enum([...programNames], { type: 'string' }), {
        uniqueItems: true,
        description:
          'The only programs that there are, besides what bash itself knows. All without it.',
      }),
    ),
    allowed_hosts: Type.Optional(
      Type.Array(
        Type.String({ pattern: '^(\\*\\.)?[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$' }),
        {
          maxItems: 50,
          description:
            'Hosts that curl reaches, over http and https; `*.example.com` stands for every name below example.com. There is no curl without it.',
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
      Type.String({ maxLength: 1024, default: '/', description: 'Where it runs.' }),
    ),
    timeout_ms: timeoutMs('How long it may take, in milliseconds.'),
  },
  { additionalProperties: false },
)
type Input = Static<typeof input>

const bash = (config: Config) =>
  defineTool({
    name: 'bash',
    description: "Runs a bash command or script on the session's files.",
    // A second run would find the files as the first left them (`>>` appends twice, `mv` finds
    // nothing), and what curl sent would be sent again.
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
  // What is too long for the model loses its middle: the short things first, the output last.
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

/** Undefined where no file is any more. */
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
      `The command ran, but none of its changes to files was kept: ${error.message}`,
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
    'Files that a command writes, moves or removes are kept when it ends, all together; /tmp, /bin, /dev, /proc and /usr are not, nor are variables, permissions and links.',
    'A command that times out or is cancelled keeps nothing.',
    `${programs} ${network}`,
    `A command may take ${timeout_ms} ms (timeout_ms changes that, up to ${timeoutMsMax}), run 50000 commands and write 64 MiB; 1 MiB of each output stream is kept. In a pipe each program runs to its end before the next begins.`,
  ].join('\n')
}

export const virtualBash = defineCapability({
  id: 'virtual_bash',
  name: 'Virtual Bash',
  description: "A bash shell on the session's files, without access to anything else.",
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
