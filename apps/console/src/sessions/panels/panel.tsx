import './panels.css'
import type { Event } from '@outlast/sdk'
import { memo } from 'react'
import { FilesPanel } from '../../files/files-panel.tsx'
import { DetailsPanel } from './details.tsx'
import { EventsPanel } from './events.tsx'
import type { PanelName } from './panels.ts'
import { TimelinePanel } from './timeline.tsx'
import { UsagePanel } from './usage.tsx'

type OpenPanelProps = { name: PanelName; events: readonly Event[]; sessionId: string }

/** The panel beside the conversation. Re-renders when an event is stored. */
export const Panel = memo(({ name, events, sessionId }: OpenPanelProps) => {
  switch (name) {
    case 'timeline':
      return <TimelinePanel events={events} sessionId={sessionId} />
    case 'events':
      return <EventsPanel events={events} />
    case 'files':
      return <FilesPanel sessionId={sessionId} />
    case 'usage':
      return <UsagePanel events={events} />
    case 'details':
      return <DetailsPanel sessionId={sessionId} />
  }
})
