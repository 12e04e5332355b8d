"""What package managers in disposable roots are told of repositories, and how these rank."""
