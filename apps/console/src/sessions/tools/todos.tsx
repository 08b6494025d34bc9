import { Icon } from '../../shell/icon.tsx'
import { LongText } from '../conversation/long-text.tsx'

type Todo = {
  content: string
  activeForm?: string
  status: 'pending' | 'in_progress' | 'completed'
}

const statuses = new Set(['pending', 'in_progress', 'completed'])
const icons = { pending: 'circle', in_progress: 'half', completed: 'check' } as const
const words = { pending: 'To do', in_progress: 'In progress', completed: 'Done' } as const

/** The list of a `write_todos`, if its arguments are one. A model may have written anything. */
export function todosOf(name: string, { todos }: Record<string, unknown>): Todo[] | undefined {
  if (name !== 'write_todos' || !Array.isArray(todos)) return undefined
  const isTodo = (one: unknown): one is Todo =>
    typeof one === 'object' &&
    one !== null &&
    'content' in one &&
    typeof one.content === 'string' &&
    'status' in one &&
    statuses.has(String(one.status))
  return todos.every(isTodo) ? todos : undefined
}

/** `name` is the call's. */
export function Todos({ name, todos }: { name: string; todos: readonly Todo[] }) {
  return (
    <ul className="todos" aria-label="Tasks">
      {todos.map(({ content, activeForm, status }, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a call's list does not change
        <li key={at} className={status}>
          <span role="img" aria-label={words[status]}>
            <Icon name={icons[status]} />
          </span>
          <LongText
            name={`${name} ${at}`}
            text={status === 'in_progress' && typeof activeForm === 'string' ? activeForm : content}
          />
        </li>
      ))}
    </ul>
  )
}
