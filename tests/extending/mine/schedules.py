"""(i) A schedule on R1's weight and on the crop: a recipe alone."""

from advloss import main

if __name__ == "__main__":
    main()
