import { after, before, describe, test } from 'node:test'
import { AppStage, type AppUnderTest, checksOf } from './conformance.ts'

/**
 * The same as `describeApp` of describe-app.ts, for `node --test`: what weighs too much for the repository's own install.
 *
 * @param prepare builds the app
 * @returns the stage that the tests have, for more of them
 */
export function describeApp(
  title: string,
  app: AppUnderTest & { prepare?: () => Promise<unknown> },
  more: (stage: () => AppStage) => void = () => undefined,
): void {
  describe(title, () => {
    let stage: AppStage
    before(async () => {
      await app.prepare?.()
      stage = await AppStage.open(app)
    })
    after(() => stage?.[Symbol.asyncDispose]())
    for (const [name, check] of checksOf(app)) test(name, () => check(stage))
    more(() => stage)
  })
}
