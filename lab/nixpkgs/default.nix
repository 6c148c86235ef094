# What `import <nixpkgs> { }` gives in the lab: the few packages that the stand-in knows.
{ lib ? import ./lib, ... }: import ./pkgs { inherit lib; }
