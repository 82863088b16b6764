"""Outside quote providers, each behind `base.Provider`. A new one is a module here and a case in `configured`."""
