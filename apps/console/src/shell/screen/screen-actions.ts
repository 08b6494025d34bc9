import { useEffect } from 'react'
import type { IconName } from '../controls/icon.tsx'

export type ScreenAction = { label: string; icon: IconName; act: () => unknown }

let offered: readonly ScreenAction[] = []

export const offeredActions = () => offered

/** Adds actions to the command palette while the component is mounted. One component at a time. */
export function useOfferedActions(actions: readonly ScreenAction[]): void {
  useEffect(() => {
    offered = actions
    return () => {
      offered = []
    }
  })
}
