import {
  ActionIcon,
  Alert,
  Badge,
  Button,
  Checkbox,
  Group,
  Select,
  Switch,
  Text,
  Textarea,
  TextInput,
} from '@mantine/core'
import { useLayoutEffect, useState } from 'react'
import { FormModal } from '../form/form-modal.tsx'
import { useSaveForm } from '../form/use-save-form.ts'
import { AskButton } from '../shell/controls/act-button.tsx'
import { Icon, icons } from '../shell/controls/icon.tsx'
import { MoreMenu } from '../shell/controls/more-menu.tsx'
import { List, type ListColumn, ListRow } from '../shell/list/list.tsx'
import { Empty, Failure } from '../shell/screen/screen.tsx'
import { Skeleton } from '../shell/screen/skeleton.tsx'
import { State, type StateKind } from '../shell/screen/state.tsx'
import { Tabs } from '../shell/screen/tabs.tsx'
import { Mark, Named } from '../shell/text/identity.tsx'
import { showToast } from '../shell/toasts/toasts.ts'
import { colorTokens } from './color-tokens.ts'
import { Part } from './part.tsx'
import { SessionParts } from './session-parts.tsx'

/** Every part in one color scheme. */
export function DesignParts({ scheme }: { scheme: 'light' | 'dark' }) {
  useLayoutEffect(() => {
    document.documentElement.dataset.mantineColorScheme = scheme
  }, [scheme])
  return (
    <main className="design-parts">
      <Part name="Colors">
        <Colors />
      </Part>
      <Part name="Text">
        <Text size="xs">12 px: column heads, times, tags</Text>
        <Text size="sm">13 px: lists, forms, buttons</Text>
        <Text size="md">15 px: conversations and documents</Text>
        <Text size="xl">20 px: figures</Text>
        <Text c="dimmed">Dimmed</Text>
        <Text c="var(--outlast-fail-text)">Danger</Text>
        <code>code</code>
      </Part>
      <Part name="Marks and icons">
        <Group gap="md">
          {names.map((name) => (
            <Named key={name} name={name} />
          ))}
          <Named name="GPT-5" icon="model" />
          <Mark name="tracker" icon="plug" />
        </Group>
        <Group gap="sm" mt="md">
          {icons.map((name) => (
            <Icon key={name} name={name} />
          ))}
        </Group>
      </Part>
      <Controls />
      <Part name="Tabs">
        <Tabs label="Tabs" tabs={tabs} current="one" isKeeping />
      </Part>
      <Part name="List with its menu of columns">
        <Lists />
      </Part>
      <Part name="Loading, empty, failed">
        <Skeleton />
        <Skeleton of="text" />
        <Empty title="No agents yet">
          An agent has a prompt, a model and capabilities.
          <div>
            <Button size="xs" mt="sm">
              Create agent
            </Button>
          </div>
        </Empty>
        <Failure error={new Error('The server did not answer.')} retry={() => {}} />
        <Alert color="yellow" title="Another user changed this agent">
          Your draft stays here.
        </Alert>
      </Part>
      <Dialogs />
      <SessionParts />
    </main>
  )
}

const names = ['Assistant', 'Support', 'Research', 'On Call', 'Porter', 'Data Analyst']
const tabs = [
  { tab: 'one', label: 'Conversation' },
  { tab: 'two', label: 'Timeline' },
] as const

const Colors = () => (
  <div className="design-colors">
    {colorTokens().map((name) => (
      <div key={name}>
        <i style={{ background: `var(${name})` }} />
        {name.replace('--outlast-', '')}
      </div>
    ))}
  </div>
)

const Controls = () => (
  <Part name="Controls">
    <Group gap="xs">
      <Button size="xs">Save</Button>
      <Button size="xs" variant="default">
        Cancel
      </Button>
      <Button size="xs" variant="light" color="red">
        Delete
      </Button>
      <Button size="xs" color="red">
        Delete agent
      </Button>
      <Button size="compact-xs" variant="subtle">
        Undo
      </Button>
      <Button size="xs" disabled>
        Disabled
      </Button>
      <Button size="xs" loading>
        Loading
      </Button>
      <ActionIcon variant="subtle" color="gray" aria-label="Copy">
        <Icon name="copy" />
      </ActionIcon>
      <MoreMenu name="Porter" remove={() => {}}>
        {null}
      </MoreMenu>
      <Badge size="xs" variant="default">
        tag
      </Badge>
      <Badge size="xs" variant="light">
        Default
      </Badge>
      <Badge size="xs" variant="light" color="gray">
        API key set
      </Badge>
      <Badge size="xs" variant="light" color="yellow">
        No API key
      </Badge>
    </Group>
    <Group gap="sm" mt="md" align="end">
      <TextInput label="Name" description="1 to 255 characters" />
      <TextInput label="Email" error="Enter an email address." />
      <Select label="Role" data={['member', 'admin']} defaultValue="member" />
      <Textarea label="Prompt" autosize minRows={2} />
      <Checkbox label="Favorites" defaultChecked />
      <Switch label="Notify me" />
    </Group>
  </Part>
)

const kinds: StateKind[] = ['good', 'busy', 'warn', 'bad', 'off']
const columns: ListColumn[] = [
  { id: 'name', head: 'Name', width: 'minmax(120px, 1fr)', sort: 'asc' },
  { id: 'status', head: 'Status', width: '100px', sort: 'asc' },
  {
    id: 'description',
    head: 'Description',
    width: 'minmax(0, 1.4fr)',
    from: 'medium',
    isSecond: true,
  },
  { id: 'cost', head: 'Cost', width: '64px', isRight: true },
  { id: 'actions', head: '', width: '76px', isRight: true },
]
const loaded = { isPending: false, isError: false, error: null, refetch: () => {} }
const sort = { name: (kind: StateKind) => names[kinds.indexOf(kind)], status: String }

const Lists = () => (
  <List
    label="Parts"
    columns={columns}
    query={loaded}
    items={kinds}
    sort={sort}
    empty={null}
    row={(kind) => (
      <ListRow key={kind} label={kind} isOff={kind === 'off'}>
        <Named name={names[kinds.indexOf(kind)]!} />
        <State kind={kind}>{kind}</State>
        <span className="list-dim">Stands at the door, and says who comes and who goes.</span>
        <span>$0.42</span>
        <div className="list-actions">
          <Button size="xs" variant="default">
            Test
          </Button>
        </div>
      </ListRow>
    )}
  />
)

function Dialogs() {
  const [isOpen, setOpen] = useState(false)
  const close = () => setOpen(false)
  return (
    <Part name="Dialogs and messages">
      <Group gap="xs">
        <AskButton label="Delete" title="Delete Porter?" verb="Delete agent" act={async () => {}}>
          This cannot be undone.
        </AskButton>
        <Button size="xs" variant="default" onClick={() => setOpen(true)}>
          Form
        </Button>
        <Button
          size="xs"
          variant="default"
          onClick={() => showToast('Porter archived', async () => {})}
        >
          Message with undo
        </Button>
      </Group>
      {isOpen && <ExampleForm close={close} />}
    </Part>
  )
}

function ExampleForm({ close }: { close: () => void }) {
  const form = useSaveForm({
    draftOf: () => ({ name: '' }),
    save: async (draft) => draft,
    onSaved: close,
  })
  return (
    <FormModal form={form} title="New organization" verb="Create organization" close={close}>
      <TextInput label="Name" required {...form.text('name')} data-autofocus />
    </FormModal>
  )
}
