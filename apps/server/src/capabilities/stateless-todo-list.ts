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
        description: 'The longest list, in tasks.',
      }),
    ),
    strict: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'True: a list with several tasks in progress is refused, not only warned of.',
      }),
    ),
  },
  strict,
)
type Config = Static<typeof config>

const Todo = Type.Object(
  {
    content: Type.String({ minLength: 1, description: 'What is to be done: "Run the tests".' }),
    activeForm: Type.String({
      minLength: 1,
      description: 'The same while it is being done: "Running the tests".',
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
    throw new ToolError(`The list has ${todos.length} tasks; ${items_max} are the most.`)
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
    'Keep a task list with write_todos when the work has three steps or more, or when the user names several things to do; for',
    'less, do without. Every call gives the whole list and replaces the one before it.',
    `Exactly one task is in_progress while you work${strict ? '; a list with several is refused' : ''}. Mark a task completed as soon as it is done, before you begin the next.`,
    `A list has ${items_max} tasks at most.`,
  ].join('\n')

export const statelessTodoList = defineCapability({
  id: 'stateless_todo_list',
  name: 'Task Management',
  description:
    'A task list that the model writes anew at every step. It stands in the conversation only.',
  category: 'Productivity',
  icon: 'list-checks',
  status: 'available',
  config,
  sessionRules: { items_max: 'smaller', strict: 'true_wins' },
  prompt: about,
  tools: (config) => [
    defineTool({
      name: 'write_todos',
      description: 'Writes the task list, all of it, in the place of the one before.',
      replay: 'safe',
      input,
      run: ({ todos }) => review(todos, config),
    }),
  ],
})
