# A machine with little memory: compressed swap first, some on disk for what compresses badly.
{ ... }:
{
  zramSwap = {
    enable = true;
    algorithm = "zstd";
    memoryPercent = 50;
    priority = 100;
  };
  swapDevices = [
    {
      device = "/swapfile";
      size = 512;
    }
  ];
}
