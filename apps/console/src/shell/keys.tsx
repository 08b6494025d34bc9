import { Kbd } from '@mantine/core'
import { Fragment } from 'react'
import { Dialog } from './controls/dialog.tsx'
import { places } from './screen/places.ts'

const keys: [string[], string][] = [
  [['Ctrl', 'K'], 'Search or run a command (⌘ K on a Mac)'],
  [['?'], 'Show keyboard shortcuts'],
  [['/'], 'Focus the search field'],
  [['n'], 'New session'],
  ...places.map(({ key, label }): [string[], string] => [['g', key], `Go to ${label}`]),
  [['j', 'k'], 'Next or previous list item'],
  [['↑', '↓'], 'Next or previous list item, step of a timeline, or file'],
  [['x'], 'Select a list item, with Shift a range'],
  [['Ctrl', 'F'], 'Find text in a conversation (⌘ F on a Mac)'],
  [['Enter'], 'Open, or send the message. With Shift, add a line'],
  [['Esc'], 'Close a dialog or menu'],
]

/** The dialog of keyboard shortcuts. */
export function ShortcutKeys({ close }: { close: () => void }) {
  return (
    <Dialog close={close} title="Keyboard shortcuts">
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
    </Dialog>
  )
}
