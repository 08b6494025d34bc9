/** Requests of AG-UI clients, and answers that are no streams. */
import { type Static, Type } from 'typebox'
import { AnyObject, Anything, count, described, nullable, oneOf } from '../core/shape.ts'

/** Lets clients of later versions send more than the schema has. */
const open = { additionalProperties: true }

const text = (description: string) => Type.String({ description })

export const AgUiInputMessage = Type.Object(
  {
    id: Type.String({ maxLength: 1_000, description: "The client's own id of the message." }),
    role: described(
      oneOf('user', 'assistant', 'tool', 'system', 'developer', 'activity', 'reasoning'),
      'Author. Messages of `user` and `tool` at the end are the input of the run; the others are history.',
    ),
    content: Type.Optional(
      described(
        Anything,
        'Text, or a list of parts of the types `text`, `image`, and for text files `document` and `binary`.',
      ),
    ),
    toolCalls: Type.Optional(
      Type.Array(
        Type.Object(
          {
            id: text('Id of the call.'),
            function: Type.Object(
              { name: text('Name of the tool.'), arguments: text('Arguments as JSON.') },
              { ...open, description: 'The called tool.' },
            ),
          },
          { ...open, title: 'AgUiToolCall', description: 'A call of a tool in the history.' },
        ),
        { maxItems: 1_000, description: 'Calls of an `assistant`. Absent without any.' },
      ),
    ),
    toolCallId: Type.Optional(
      Type.String({ maxLength: 1_000, description: 'Call that a message of `tool` answers.' }),
    ),
    error: Type.Optional(text('Reason of a failed call. Only of `tool`.')),
  },
  { ...open, title: 'AgUiInputMessage', description: 'A message as AG-UI clients keep it.' },
)
export type AgUiInputMessage = Static<typeof AgUiInputMessage>

const AgUiTool = Type.Object(
  {
    name: text('Name of the tool.'),
    description: Type.Optional(text('Purpose of the tool, for the model.')),
    parameters: Type.Optional(described(Anything, 'JSON Schema of the arguments.')),
  },
  { ...open, title: 'AgUiTool', description: 'A tool that the client runs.' },
)

export const AgUiResume = Type.Object(
  {
    interruptId: text('Id of the interrupt.'),
    status: described(
      oneOf('resolved', 'cancelled'),
      '`cancelled` denies a call, and declines questions.',
    ),
    payload: Type.Optional(
      described(
        Anything,
        'Answer in the form of `responseSchema`: `{approved, editedArgs?, reason?}` for a tool call, one property per question for questions.',
      ),
    ),
  },
  { ...open, title: 'AgUiResume', description: 'The answer to one interrupt.' },
)
export type AgUiResume = Static<typeof AgUiResume>

export const RunAgentInput = Type.Object(
  {
    threadId: text(
      'Name of the conversation: the `key` of its session, 1 to 200 printable characters.',
    ),
    runId: text(
      'Name of the run, 1 to 255 printable characters. A known one attaches to that run.',
    ),
    parentRunId: Type.Optional(text('Returned in `RUN_STARTED`.')),
    protocolVersion: Type.Optional(
      Type.String({
        description: 'Present for clients of 1.0, which get outcomes that earlier ones refuse.',
        examples: ['1.0'],
      }),
    ),
    messages: Type.Array(AgUiInputMessage, {
      maxItems: 10_000,
      description:
        'The conversation as the client has it. Only new input is read: the session has the history. For a new session, earlier messages become its history.',
    }),
    tools: Type.Optional(
      Type.Array(AgUiTool, { maxItems: 128, description: 'Client tools of this run.' }),
    ),
    context: Type.Optional(
      Type.Array(
        Type.Object(
          { description: text('Meaning of the value.'), value: described(Anything, 'The value.') },
          { ...open, title: 'AgUiContext', description: 'A fact for this run.' },
        ),
        { maxItems: 32, description: 'Facts for this run.' },
      ),
    ),
    forwardedProps: Type.Optional(
      described(Anything, 'An object whose `controls` select model, effort and output schema.'),
    ),
    state: Type.Optional(
      described(
        Anything,
        'State of the page. Unless it is empty, it is a fact for the model beside `context`, for the turn of a message. Not used for tokens. No event changes it.',
      ),
    ),
    resume: Type.Optional(
      Type.Array(AgUiResume, {
        maxItems: 64,
        description: 'Answers to all open interrupts of the thread.',
      }),
    ),
  },
  {
    ...open,
    title: 'RunAgentInput',
    description: 'Input of a run, as AG-UI defines it.',
    examples: [
      {
        threadId: 'chat-4711',
        runId: 'run-1',
        protocolVersion: '1.0',
        messages: [{ id: 'm1', role: 'user', content: 'Summarize the sales of last week.' }],
        tools: [],
        context: [],
        forwardedProps: {},
        state: {},
      },
    ],
  },
)
export type RunAgentInput = Static<typeof RunAgentInput>

export const AgUiQuery = Type.Object({
  runId: Type.Optional(text('Joins the run, from its beginning or after `Last-Event-ID`.')),
  offset: Type.Optional(
    described(oneOf('-1'), 'Sent by TanStack AI together with `runId`. It has no effect.'),
  ),
  threadId: Type.Optional(text('Reads the messages of the thread. Not with `runId`.')),
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1_000,
      description: 'Maximum number of stored messages of a page. Default: all, up to 1,000.',
    }),
  ),
  before: Type.Optional(
    Type.String({
      pattern: '^[0-9]{1,9}$',
      description: 'The `cursor` of a page, for the page before it. Default: the last page.',
    }),
  ),
  format: Type.Optional(
    described(
      oneOf('ui', 'ag-ui'),
      'Form of the messages: those of TanStack AI, which is the default, or those of AG-UI.',
    ),
  ),
})
export type AgUiQuery = Static<typeof AgUiQuery>

export const AgUiThread = Type.Object(
  {
    messages: Type.Array(AnyObject, {
      description: 'Messages of the page in order. Those of an active run come with that run.',
    }),
    activeRun: nullable(
      Type.Object({ runId: text('Id for joining it.') }, { description: 'The run in progress.' }),
      'The run in progress. Null if none runs.',
    ),
    interrupts: nullable(
      Type.Object(
        {
          runId: text('The run that waits.'),
          pending: Type.Array(AnyObject, { description: 'Open interrupts.' }),
        },
        { description: 'Interrupts of the thread.' },
      ),
      'Open interrupts. Null if there are none.',
    ),
    page: Type.Object(
      {
        truncated: Type.Boolean({ description: 'True if there are earlier messages.' }),
        cursor: Type.Optional(
          text('For `before` of the next request. Absent if there are no earlier messages.'),
        ),
      },
      { description: 'Position of the page.' },
    ),
  },
  {
    title: 'AgUiThread',
    description: 'Messages of a thread, and what is in progress.',
    examples: [
      {
        messages: [{ id: 'm1', role: 'user', parts: [{ type: 'text', content: 'Hello' }] }],
        activeRun: null,
        interrupts: null,
        page: { truncated: false },
      },
    ],
  },
)
export type AgUiThread = Static<typeof AgUiThread>

const flag = (description: string) => Type.Optional(Type.Boolean({ description }))

export const AgUiCapabilities = Type.Object(
  {
    identity: Type.Object(
      {
        name: Type.Optional(text('Name of the agent. Absent for tokens.')),
        description: Type.Optional(text('Description of the agent. Absent for tokens.')),
        type: text('Always `outlast`.'),
        version: text('Version of the server.'),
      },
      { description: 'The agent.' },
    ),
    transport: Type.Object(
      { streaming: flag('Always true.'), resumable: flag('Always true.') },
      { description: 'How runs are delivered.' },
    ),
    tools: Type.Object(
      {
        supported: flag('Always true.'),
        clientProvided: flag('True if the caller may send tools.'),
        parallelCalls: flag('Always true.'),
        items: Type.Optional(
          Type.Array(AnyObject, { description: 'Client tools of the agent. Absent for tokens.' }),
        ),
      },
      { description: 'Tools.' },
    ),
    output: Type.Object({ structuredOutput: flag('Always true.') }, { description: 'Answers.' }),
    state: Type.Object(
      {
        snapshots: flag('Always false.'),
        deltas: flag('Always false.'),
        memory: flag('Always true.'),
        persistentState: flag('Always false.'),
      },
      { description: 'State that is shared with the client.' },
    ),
    reasoning: Type.Object(
      { supported: flag('Always true.'), streaming: flag('Always true.') },
      { description: 'Reasoning.' },
    ),
    multimodal: Type.Object(
      { input: Type.Object({ image: flag('Always true.') }, { description: 'Input.' }) },
      { description: 'Media.' },
    ),
    execution: Type.Object(
      { maxIterations: Type.Optional(count('Most model calls of a turn. Absent for tokens.')) },
      { description: 'Limits.' },
    ),
    humanInTheLoop: Type.Object(
      {
        supported: flag('Always true.'),
        approvals: flag('Always true.'),
        interrupts: flag('Always true.'),
        approveWithEdits: flag('Always true.'),
      },
      { description: 'Interrupts.' },
    ),
  },
  {
    title: 'AgUiCapabilities',
    description: 'What the agent can do, as AG-UI describes it.',
    examples: [
      {
        identity: { name: 'Clerk', type: 'outlast', version: '0.1.0' },
        transport: { streaming: true, resumable: true },
        tools: { supported: true, clientProvided: true, parallelCalls: true, items: [] },
        output: { structuredOutput: true },
        state: { snapshots: false, deltas: false, memory: true, persistentState: false },
        reasoning: { supported: true, streaming: true },
        multimodal: { input: { image: true } },
        execution: {},
        humanInTheLoop: {
          supported: true,
          approvals: true,
          interrupts: true,
          approveWithEdits: true,
        },
      },
    ],
  },
)
export type AgUiCapabilities = Static<typeof AgUiCapabilities>
