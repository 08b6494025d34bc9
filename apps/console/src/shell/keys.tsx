import { Kbd, Modal } from '@mantine/core'
import { Fragment } from 'react'
import { places } from './places.ts'

const keys: [string[], string][] = [
  [['Ctrl', 'K'], 'Search, go anywhere, begin anything (⌘ K on a Mac)'],
  [['?'], 'This list'],
  [['/'], 'Search on this screen'],
  [['n'], 'New session'],
  ...places.map(({ key, label }): [string[], string] => [['g', key], `Go to ${label}`]),
  [['j'], 'Next of a list; k: the one before'],
  [['x'], 'Select in a list; with Shift, all on the way'],
  [['Enter'], 'Open, or send a message; with Shift, a new line'],
  [['Esc'], 'Close what is open'],
]

/** The keys that work, in a dialog. */
export function ShortcutKeys({ close }: { close: () => void }) {
  return (
    <Modal opened onClose={close} title="Keys" centered>
      <dl className="keys">
        {keys.map(([pressed, what]) => (
          <Fragment key={what}>
            <dt>
              {pressed.map((key) => (
                <Kbd key={key}>{key}</Kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </Fragment>
        ))}
      </dl>
    </Modal>
  )
}
