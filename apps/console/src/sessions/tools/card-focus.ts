/**
 * Focuses the head of the card that contains an element. The form in the card disappears after the
 * answer, and keyboard users continue from the head.
 */
export function focusCard(element: Element): void {
  element.closest('.tool')?.querySelector<HTMLElement>('.tool-head')?.focus({ preventScroll: true })
}
