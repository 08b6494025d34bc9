import { type Static, Type } from 'typebox'
import { defineCapability, defineTool, ToolError } from './capability.ts'

const strict = { additionalProperties: false }
const itemsMax = 500
const itemsDefault = 100

const config = Type.Object(
  {
    items_max: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: itemsMax,
        default: itemsDefault,
        title: 'Maximum tasks',
        description: `Maximum number of tasks in a list, 1 to ${itemsMax}; by default ${itemsDefault}.`,
      }),
    ),
    strict: Type.Optional(
      Type.Boolean({
        default: false,
        title: 'One task in progress',
        description:
          'Whether to refuse a list with several tasks in progress instead of a warning; by default false.',
      }),
    ),
  },
  strict,
)
type Config = Static<typeof config>

const Todo = Type.Object(
  {
    content: Type.String({
      minLength: 1,
      description: 'The task as an instruction: "Run the tests".',
    }),
    activeForm: Type.String({
      minLength: 1,
      description: 'The task in progress: "Running the tests".',
    }),
    status: Type.Enum(['pending', 'in_progress', 'completed'], { type: 'string' }),
  },
  strict,
)

const input = Type.Object({ todos: Type.Array(Todo, { maxItems: itemsMax }) }, strict)
type Todos = Static<typeof input>['todos']

/** Statistics of the list. Contract: throws ToolError for a list that `config` does not allow. */
function review(todos: Todos, { items_max = itemsDefault, strict = false }: Config) {
  if (todos.length > items_max) {
    throw new ToolError(`The list has ${todos.length} tasks; the maximum is ${items_max}.`)
  }
  const count = (status: Todos[number]['status']) =>
    todos.filter((todo) => todo.status === status).length
  const [pending, in_progress, completed] = [
    count('pending'),
    count('in_progress'),
    count('completed'),
  ]
  const warning = warningOf(pending, in_progress)
  if (strict && in_progress > 1) throw new ToolError(warning!)
  const counts = { total_tasks: todos.length, pending, in_progress, completed }
  return { success: true, ...counts, todos, ...(warning && { warning }) }
}

function warningOf(pending: number, inProgress: number): string | undefined {
  if (inProgress > 1) return `${inProgress} tasks are in progress: exactly one should be.`
  if (inProgress === 0 && pending > 0) {
    return 'No task is in progress though some are pending: mark the one you work on.'
  }
  return undefined
}

const about = ({ items_max = itemsDefault, strict }: Config) =>
  [
    'Keep a task list with write_todos when the work has three steps or more, or when the user names several tasks; for',
    'less, do without. Every call sends the whole list and replaces the one before it.',
    `Exactly one task is in_progress while you work${strict ? '; a list with several is refused' : ''}. Mark a task completed as soon as it is done, before you begin the next.`,
    `A list has at most ${items_max} tasks.`,
  ].join('\n')

export const statelessTodoList = defineCapability({
  id: 'stateless_todo_list',
  name: 'Task Management',
  description:
    'A task list that the model rewrites at every step. It is stored in the conversation only.',
  category: 'Productivity',
  icon: 'list-checks',
  status: 'available',
  config,
  sessionRules: { items_max: 'smaller', strict: 'true_wins' },
  prompt: about,
  tools: (config) => [
    defineTool({
      name: 'write_todos',
      description: 'Writes the whole task list and replaces the one before it.',
      replay: 'safe',
      input,
      run: ({ todos }) => review(todos, config),
    }),
  ],
})
