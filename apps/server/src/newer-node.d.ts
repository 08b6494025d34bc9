export const nodeMajorMin: number
export function findNewerNode(options: { mayInstall: boolean }): string | undefined
