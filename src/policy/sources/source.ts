import type { BundleFiles } from "../bundle-files.ts";

/** Where bundles come from. Nothing of what it gives has been verified. */
export interface BundleSource {
  /** For logs: without secrets. */
  readonly name: string;
  /**
   * One look for a bundle.
   * @param known the version that was given last: it need not be given again
   * @throws Error when the source cannot be had, or gives something that is no bundle
   */
  look(known: string | undefined, signal: AbortSignal): Promise<Look>;
}

export type Look = {
  /** Whether the source has waited for news: then there is no need to wait before the next look. */
  readonly waited?: boolean;
} & (
  | { readonly kind: "unchanged" }
  | {
      readonly kind: "bundle";
      readonly version: string | undefined;
      /** @throws Error when it is no archive */
      files(): BundleFiles;
    }
);
