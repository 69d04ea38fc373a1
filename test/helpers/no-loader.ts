/** Stands in for tsx's loader in a bundle. */
export function register(): void {}
