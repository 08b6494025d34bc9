import { Button, Group, SegmentedControl, Text } from '@mantine/core'
import { useState } from 'react'
import { Dialog, DialogButtons } from '../shell/controls/dialog.tsx'
import { Difference } from '../shell/text/difference.tsx'
import { lineDiff } from '../shell/text/line-diff.ts'
import {
  type AgentDraft,
  chosenOf,
  type Field,
  fields,
  isSameField,
  labels,
  textOf,
} from './draft.ts'

type ConflictProps = {
  /** The version that both edits started from. */
  base: AgentDraft
  mine: AgentDraft
  theirs: AgentDraft
  choose: (draft: AgentDraft) => void
  close: () => void
}

type ConflictSide = 'mine' | 'theirs'

/** Resolves a conflict with another user's version, field by field. */
export function Conflict({ base, mine, theirs, choose, close }: ConflictProps) {
  const differing = fields.filter((field) => !isSameField(mine, theirs, field))
  const first = (field: Field): ConflictSide => (isSameField(mine, base, field) ? 'theirs' : 'mine')
  const [sides, setSides] = useState<Partial<Record<Field, ConflictSide>>>({})
  const sideOf = (field: Field) => sides[field] ?? first(field)
  return (
    <Dialog title="Another user changed this agent" close={close} size="xl">
      <Text size="sm" mb="md">
        Lines with + are yours. Lines with − are from the other user. Choose a version of each
        field. Nothing is saved until you save the agent.
      </Text>
      {differing.map((field) => (
        <section key={field} className="conflict" aria-label={labels[field]}>
          <Group justify="space-between">
            <Text size="sm" fw={600}>
              {labels[field]}
            </Text>
            <SegmentedControl
              size="xs"
              aria-label={`Version of ${labels[field].toLowerCase()}`}
              data={[
                { value: 'mine', label: 'Mine' },
                { value: 'theirs', label: 'Theirs' },
              ]}
              value={sideOf(field)}
              onChange={(side) => setSides({ ...sides, [field]: side as ConflictSide })}
            />
          </Group>
          <Difference lines={lineDiff(textOf(theirs, field), textOf(mine, field))} />
        </section>
      ))}
      <DialogButtons close={close} keep="Decide later">
        <Button variant="default" onClick={() => choose(theirs)}>
          Use all of theirs
        </Button>
        <Button onClick={() => choose(chosenOf(mine, theirs, (field) => sideOf(field) === 'mine'))}>
          Use selection
        </Button>
      </DialogButtons>
    </Dialog>
  )
}
