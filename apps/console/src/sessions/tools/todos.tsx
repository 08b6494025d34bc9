import { Icon } from '../../shell/controls/icon.tsx'
import { LongText } from '../parts/long-text.tsx'
import type { Todo } from './arguments.ts'

const icons = { pending: 'circle', in_progress: 'half', completed: 'check' } as const
const words = { pending: 'To do', in_progress: 'In progress', completed: 'Done' } as const

/** A list of tasks. `name` identifies the call. */
export function Todos({ name, todos }: { name: string; todos: readonly Todo[] }) {
  return (
    <ul className="todos" aria-label="Tasks">
      {todos.map(({ content, activeForm, status }, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the list of a call does not change
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
